"""language: whether a text is in the language that it should be in, by what can be counted.

Two measures, both on what is left when code, quotations, addresses and names in capitals are taken
out: the share of English function words, and the share of what only the text's own language has
(its script, its letters, its function words). Short texts are let pass: they have too little to
count. The limits lie well beyond what good translations have (tests/test_texts.py).
"""
import re

ENGLISH = frozenset("""the of is and that this it with from not are has have be been which who what when
where does your you by if or its they their there no but can would for into then than""".split())
OWN_WORDS = {
    "de": frozenset("""der die das dem den des ein eine einen einem einer eines und oder ist sind wird werden
wurde hat haben nicht kein keine mit von vom zu zum zur auf aus bei für im in am an als wenn dass ob
sich es er sie ihr ihre ihren sein seine so auch nur noch nach vor über unter diese dieser dieses
was wer wie bis durch kann kommt steht""".split()),
    "tr": frozenset("""ve veya ya da de bir bu şu o için ile gibi kadar daha çok en değil olarak olan olur
olduğunu var yok ne hangi kim nasıl her hiç sonra önce eğer ise ki göre ama ancak yalnızca aynı başka
sizin siz kendi üzerinde içinde""".split()),
}
SCRIPT = {"hi": re.compile("[\u0900-\u097f]")}
LETTERS = {
    "de": re.compile("[äöüß]", re.I),
    "tr": re.compile("[çğışÇĞİŞ]"),
    "vi": re.compile("[\u1ea0-\u1ef9ăâđêôơưàáãèéìíòóõùúý]", re.I),
}
# The least share of words that have such letters, or are such words.
LEAST = {"de": 0.2, "tr": 0.2, "vi": 0.4}

CODE = re.compile(r"`[^`]*`|\"[^\"]*\"|„[^“]*“|“[^”]*”|«[^»]*»|\{[^}]*\}|https?://\S+|[\w.+-]*@[\w.-]+")
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def words_of(text):
    return [word for word in WORD.findall(CODE.sub(" ", text)) if not (word.isascii() and word.isupper())]


def faults(lang, text):
    """What speaks against the text being in the language."""
    words = words_of(text)
    if len(words) < 8:
        return
    english = sum(word.lower() in ENGLISH for word in words) / len(words)
    if english > 0.13:
        yield f"looks English: {english:.0%} of its words are English function words"
    if lang in SCRIPT:
        letters = [c for word in words for c in word]
        share = sum(bool(SCRIPT[lang].match(c)) for c in letters) / len(letters)
        if share < 0.38:
            yield f"has only {share:.0%} of its letters in its own script"
    if lang in LEAST and len(words) >= 12:
        own = OWN_WORDS.get(lang, frozenset())
        share = sum(word.lower() in own or bool(LETTERS[lang].search(word)) for word in words) / len(words)
        if share < LEAST[lang]:
            yield f"has only {share:.0%} words that are its own"
