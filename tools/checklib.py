"""What the checks in this folder share.

A check looks at a tree and gives the number of things that it looked at and its findings. Before it
judges the real tree it must prove itself on small ones: say nothing of a good tree, and find what
was planted in each bad one. So a check that has gone blind fails too.
"""
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def tracked(root):
    """Files that git knows or would add, relative; in a tree without git all files."""
    if not (root / ".git").exists():
        return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
    out = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                         cwd=root, check=True, stdout=subprocess.PIPE).stdout
    names = {name for name in out.decode().split("\0") if name}
    return sorted(name for name in names if (root / name).is_file())


def prove(check, good, bad):
    """Whether check is silent on the tree `good` and finds something in each of `bad`.

    A tree is {file: text}."""
    proven = True
    for files, must_find in [(good, False)] + [({**good, **planted}, True) for planted in bad]:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            _, findings = check(root)
        if bool(findings) != must_find:
            print(f"self-test: {'nothing found in' if must_find else 'found in a good tree:'} "
                  f"{findings or [name for name in files if name not in good or files[name] != good[name]]}")
            proven = False
    return proven


def judge(check, proven):
    """Says what check finds in the real tree, and ends."""
    count, findings = check(ROOT)
    for finding in findings:
        print(finding)
    if count == 0:
        print("nothing to check")
    failed = len(findings) + (not proven) + (count == 0)
    print(f"{max(count - len(findings), 0)} passed, {failed} failed")
    sys.exit(failed != 0)


def main(check, good, bad):
    judge(check, prove(check, good, bad))
