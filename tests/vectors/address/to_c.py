"""Turns tests.xml into the rows of a C table: address, category, id."""
import sys
import xml.etree.ElementTree as ElementTree


def c_string(data: bytes) -> str:
    return '"' + "".join(f"\\{byte:03o}" for byte in data) + '"'


def main(xml_path: str, c_path: str) -> None:
    with open(c_path, "w", encoding="ascii") as out:
        for test in ElementTree.parse(xml_path).getroot().iter("test"):
            address = test.findtext("address") or ""
            # U+2400 to U+2421 stand for the control characters.
            plain = "".join(chr(ord(c) - 0x2400) if 0x2400 <= ord(c) <= 0x2421 else c for c in address)
            out.write(f'{{{test.get("id")}, {test.findtext("category")}, '
                      f'SLICE_LIT({c_string(plain.encode())})}},\n')


main(*sys.argv[1:])
