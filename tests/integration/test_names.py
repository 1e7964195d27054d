# SPDX-License-Identifier: MIT
"""Names that trip parsers, shells and servers: each must arrive on the other side byte for byte."""

import os

import pytest

from mount import LOCAL

NAMES = {
    "blank": "two words", "blanks": "two  blanks   and three", "leading blank": " leading", "trailing blank": "trailing ",
    "only blanks": "  ", "double quote": 'double "quoted" name', "single quote": "it's", "backslash": "back\\slash",
    "dash": "-n", "option": "--help", "dash a": "-a", "star": "a*b", "question": "what?", "brackets": "[abc] [x-z]",
    "open bracket": "[open", "braces": "{a,b}", "tilde": "~root", "dollar": "$HOME", "backquote": "`id`",
    "semicolon": "type=dir;size=5; name", "arrow": "a -> b", "percent": "%41%2f", "hash": "#hash#", "ampersand": "a & b | c",
    "umlaut": "Grüße.txt", "decomposed": "e\u0301.txt", "japanese": "日本語のファイル", "emoji": "🎉 party", "cyrillic": "Привет",
    "dot": ".hidden", "two dots": "..hidden", "three dots": "...", "dots at the end": "end...", "colon": "12:30",
    "date": "Nov 21 02:04 x", "total": "total 8", "listing": "drwxr-xr-x 2 a b 4096 Jan 1 2020 x", "facts": "size=3; x",
    "code": "226 Transfer complete", "long": "n" * 255, "long utf-8": "ü" * 127 + "x", "comma": "a,b=c", "case": "MiXeD",
    "equals": "a=b", "plus": "a+b", "at": "user@host", "parentheses": "copy (1)", "caret": "^caret^", "bang": "!bang!",
    "tab": "tab\there", "control": "bell\a and \x01", "delete": "del\x7f", "latin-1": b"Gr\xfc\xdfe",
}

# What a server itself cannot do, and why.
CANNOT = {
    "pureftpd": {"backslash": "Pure-FTPd refuses it: 553 Prohibited file name",
                 "trailing blank": "Pure-FTPd cuts blanks off the end of a command",
                 "only blanks": "Pure-FTPd cuts blanks off the end of a command",
                 "tab": "Pure-FTPd hides and refuses names with control characters",
                 "control": "Pure-FTPd hides and refuses names with control characters",
                 "delete": "Pure-FTPd hides and refuses names with control characters"},
    "vsftpd": {},
    "proftpd": {},
    "pyftpdlib": {"latin-1": "pyftpdlib answers 501 to a command that is not UTF-8"},
}


# The same for directories alone.
CANNOT_MAKE = {"proftpd": {"star": "ProFTPD's MKD: 550 Invalid directory name"}}


def names_for(box, directories=False):
    impossible = {} if LOCAL else CANNOT[box.server.name]
    if directories and not LOCAL:
        impossible = {**impossible, **CANNOT_MAKE.get(box.server.name, {})}
    return {label: os.fsencode(name) for label, name in NAMES.items() if label not in impossible}


def test_names_that_lie_on_the_server(box):
    expected = {}
    for number, (label, name) in enumerate(names_for(box).items()):
        path = os.path.join(os.fsencode(box.remote), name)
        with open(path, "wb") as file:
            file.write(label.encode())
        box.server.own(path)
        expected[name] = label.encode()
    mount = os.fsencode(box.mount())
    shown = set(os.listdir(mount))
    assert shown == set(expected), f"missing: {set(expected) - shown}, too many: {shown - set(expected)}"
    for name, content in expected.items():
        with open(os.path.join(mount, name), "rb") as file:
            assert file.read() == content, name
        assert os.stat(os.path.join(mount, name)).st_size == len(content), name


def test_names_are_found_without_a_listing(box):
    """The first thing asked is the file itself, not its directory."""
    for label, name in names_for(box).items():
        with open(os.path.join(os.fsencode(box.remote), name), "wb") as file:
            file.write(label.encode())
        box.server.own(file.name)
    mount = os.fsencode(box.mount())
    for label, name in names_for(box).items():
        assert os.stat(os.path.join(mount, name)).st_size == len(label), name


def test_files_with_such_names(box):
    """Made, read, appended to, renamed and deleted through the mount."""
    mount, remote = os.fsencode(box.mount()), os.fsencode(box.remote)
    for label, name in names_for(box).items():
        here, there = os.path.join(mount, name), os.path.join(remote, name)
        with open(here, "wb") as file:
            file.write(label.encode())
        with open(there, "rb") as file:
            assert file.read() == label.encode(), name
        with open(here, "ab") as file:
            file.write(b"+")
        with open(there, "rb") as file:
            assert file.read() == label.encode() + b"+", name
        with open(here, "wb") as file:
            file.write(b"replaced")
        with open(there, "rb") as file:
            assert file.read() == b"replaced", name
        os.rename(here, os.path.join(mount, b"plain"))
        assert not os.path.lexists(there), name
        os.rename(os.path.join(mount, b"plain"), here)
        assert os.listdir(remote) == [name]
        os.unlink(here)
        assert os.listdir(remote) == [], name


def test_directories_with_such_names(box):
    mount, remote = os.fsencode(box.mount()), os.fsencode(box.remote)
    for label, name in names_for(box, directories=True).items():
        os.mkdir(os.path.join(mount, name))
        inner = os.path.join(name, b"inner file")
        with open(os.path.join(mount, inner), "wb") as file:
            file.write(label.encode())
        with open(os.path.join(remote, inner), "rb") as file:
            assert file.read() == label.encode(), name
        assert os.listdir(os.path.join(mount, name)) == [b"inner file"], name
    mount = os.fsencode(box.remount())
    shown, made = set(os.listdir(mount)), set(names_for(box, directories=True).values())
    assert shown == made, f"missing: {made - shown}, too many: {shown - made}"
    for label, name in names_for(box, directories=True).items():
        assert os.listdir(os.path.join(mount, name)) == [b"inner file"], name
        with open(os.path.join(mount, name, b"inner file"), "rb") as file:
            assert file.read() == label.encode(), name
        os.unlink(os.path.join(mount, name, b"inner file"))
        os.rmdir(os.path.join(mount, name))
    assert os.listdir(remote) == [], os.listdir(remote)


@pytest.mark.smoke
def test_the_usual_names(box):
    usual = ["two words", "Grüße.txt", "-n", "[x] *?", "it's \"so\"", ".hidden", "日本語", " lead", "trail ", "n" * 255]
    if not LOCAL and "trailing blank" in CANNOT[box.server.name]:
        usual.remove("trail ")
    for name in usual:
        box.put(f"{name}", name.encode())
    mount = box.mount()
    assert sorted(os.listdir(mount)) == sorted(usual)
    for name in usual:
        assert (mount / name).read_bytes() == name.encode()
        (mount / name).write_bytes(b"changed")
        assert (box.remote / name).read_bytes() == b"changed"


def test_names_that_cannot_be(box):
    mount = box.mount()
    with pytest.raises(OSError):
        (mount / ("n" * 256)).write_bytes(b"too long")
    if not LOCAL:
        for name in ("new\nline", "carriage\rreturn"):
            with pytest.raises(OSError):
                (mount / name).write_bytes(b"would be a second command")
    assert os.listdir(box.remote) == []
