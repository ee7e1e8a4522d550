"""The parts that upstream found in each message, as the rows of a C table: file, whether its lines
end in CRLF, and {kind, header, body, end} of each part in the order of beginning."""
import json
import pathlib
import sys


def rows(parts):
    for part in parts:
        body = part["body"]
        kind = next(iter(body)) if isinstance(body, dict) else body
        # An encoded message has offsets of its own decoded text; the walk does not decode.
        inner = body["Message"]["parts"] if kind == "Message" else []
        if inner and inner[0]["offset_header"] != part["offset_body"]:
            kind, inner = "Binary", []
        name = {"Multipart": "MIME_MULTIPART", "Message": "MIME_MESSAGE"}.get(kind, "MIME_LEAF")
        yield f'{{{name}, {part["offset_header"]}, {part["offset_body"]}, {part["offset_end"]}}}'
        yield from rows(inner)


def main(folder: str, c_path: str) -> None:
    with open(c_path, "w", encoding="ascii") as out:
        for path in sorted(pathlib.Path(folder).glob("*.json")):
            parts = list(rows(json.loads(path.read_text(encoding="utf-8"))["parts"]))
            is_crlf = str(path.name.endswith(".crlf.json")).lower()
            out.write(f'{{"{path.name[:3]}.eml", {is_crlf}, {len(parts)}, {{{", ".join(parts)}}}}},\n')


main(*sys.argv[1:])
