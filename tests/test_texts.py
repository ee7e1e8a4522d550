"""The measures by which tools/texts finds English left over, and what it says of a broken translation."""
import importlib.machinery
import importlib.util
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import language  # noqa: E402


def load_texts():
    loader = importlib.machinery.SourceFileLoader("texts", str(ROOT / "tools/texts"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("texts", loader))
    loader.exec_module(module)
    return module


texts = load_texts()
ALL = texts.texts()
TRANSLATED = {lang: texts.po_read(ROOT / f"po/{lang}.po")[0] for lang in texts.languages()}


@pytest.mark.parametrize("lang", texts.languages())
def test_english_does_not_pass_for_another_language(lang):
    long_ones = [t.english for t in ALL.values() if len(language.words_of(t.english)) >= 14]
    found = sum(bool(list(language.faults(lang, text))) for text in long_ones)
    assert found >= 0.99 * len(long_ones)


@pytest.mark.parametrize("lang", texts.languages())
def test_no_language_passes_for_another(lang):
    """A file that was mixed up with another one's is noticed."""
    for other in set(texts.languages()) - {lang}:
        long_ones = [e.translation for e in TRANSLATED[other].values()
                     if len(language.words_of(e.translation)) >= 14]
        found = sum(bool(list(language.faults(lang, text))) for text in long_ones)
        assert found >= 0.6 * len(long_ones), other


ENGLISH = "{sender-user} Run `dig {domain}` and read RFC 5321.\n{sender-admin} Look at 550 and 5.7.1."
GOOD = "{sender-user} Führen Sie `dig {domain}` aus und lesen Sie RFC 5321.\n{sender-admin} Sehen Sie 550 und 5.7.1 an."


@pytest.mark.parametrize("translation, fault", [
    (GOOD, None),
    (GOOD.replace("{domain}", "{Domain}"), "placeholders"),
    (GOOD.replace("{domain}", ""), "placeholders"),
    (GOOD.replace("\n", " "), "lines"),
    (GOOD.replace("550", "551"), "codes"),
    (GOOD.replace("5321", "5322"), "codes"),
    (GOOD.replace("{sender-admin}", "{x}").replace("{sender-user}", "{sender-admin}").replace("{x}", "{sender-user}"),
     "marks"),
    (GOOD + " " + "Und so weiter, immer weiter, noch viel weiter und weiter. " * 4 + "Ende.", "times as long"),
    (GOOD.replace(" und ", "  und ", 1), "blanks"),
    (ENGLISH, "is the English text"),
    (GOOD.replace("Sehen Sie", "Look at the"), "English words"),
])
def test_faults_are_found(translation, fault):
    text = texts.Text("reason:x.fix", ENGLISH, "X", "TABLE_REASON", (4, 3))
    found = list(texts.faults("de", text, texts.Entry(ENGLISH, translation)))
    assert (not found) if fault is None else any(fault in one for one in found), found


def test_fuzzy_is_a_fault():
    text = texts.Text("reason:x.title", "Full", "X", "TABLE_REASON", (4, 0))
    assert list(texts.faults("de", text, texts.Entry("Full", "Voll", fuzzy=True)))
