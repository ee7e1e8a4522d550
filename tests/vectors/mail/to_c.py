"""What Python's email package says of each message's header section, as the rows of a C table:
file, fields, Received fields, where the body begins, the Date as given and as a time."""
import calendar
import email.parser
import email.utils
import pathlib
import sys


def c_string(data: bytes) -> str:
    return '"' + "".join(f"\\{byte:03o}" for byte in data) + '"'


def row(folder: pathlib.Path, name: str) -> str:
    # Latin-1 keeps every byte one character, so that lengths are offsets.
    text = (folder / name).read_bytes().decode("latin-1")
    message = email.parser.HeaderParser().parsestr(text)
    date = next((value for key, value in message.raw_items() if key.lower() == "date"), "")
    parts = email.utils.parsedate_tz(date)
    at = calendar.timegm(parts[:6] + (0, 0, 0)) - (parts[9] or 0) if parts else "NO_DATE"
    received = sum(key.lower() == "received" for key in message.keys())
    return (f'{{{c_string(name.encode())}, {len(message.keys())}, {received}, '
            f'{len(text) - len(message.get_payload())}, '
            f'SLICE_LIT({c_string(date.encode("latin-1"))}), {at}}},\n')


def main(index: str, c_path: str) -> None:
    folder = pathlib.Path(index).parent
    with open(index, encoding="utf-8") as lines, open(c_path, "w", encoding="ascii") as out:
        for line in lines:
            name = line.split("\t")[0]
            if name.endswith(".eml"):
                out.write(row(folder, name))


main(*sys.argv[1:])
