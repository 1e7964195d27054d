# SPDX-License-Identifier: MIT
"""Symbolic links: as they are, followed by the server, and with targets made relative."""

import os
import stat

import pytest


def names_in(box):
    """A tree as a server in a chroot has it. Absolute targets begin at the server's root."""
    box.put("pub/x", "behind the link\n", mtime=1_234_567_890, mode=0o755)
    box.put("pub/sub/y", "below\n")
    box.put_directory("links")
    box.put_link("links/absolute", f"/{box.name}/pub/x")
    box.put_link("links/absolute-directory", f"/{box.name}/pub")
    box.put_link("links/relative", "../pub/x")
    box.put_link("links/directory", "../pub")
    box.put_link("links/gone", "../pub/missing")
    box.put_link("links/a", "b")
    box.put_link("links/b", "a")


@pytest.mark.real
def test_transform_keeps_absolute_links_inside_the_mount(box):
    if not box.server.chroots:
        pytest.skip("the served directory is not the server's root: absolute links lead elsewhere there, too")
    names_in(box)
    links = box.mount() / "links"
    assert os.readlink(links / "absolute") == f"/{box.name}/pub/x"
    assert not (links / "absolute").exists(), "as it is, it leads into the local tree"
    links = box.remount(symlinks="transform") / "links"
    assert os.readlink(links / "absolute") == "../pub/x"
    assert os.lstat(links / "absolute").st_size == len("../pub/x")
    assert (links / "absolute").read_text() == "behind the link\n"
    assert (links / "absolute-directory/sub/y").read_text() == "below\n"
    assert os.readlink(links / "relative") == "../pub/x"
    links = box.remount(symlinks="follow") / "links"
    assert (links / "absolute").read_text() == "behind the link\n"
    assert (links / "absolute-directory/sub/y").read_text() == "below\n"


@pytest.mark.real
def test_follow_shows_what_links_lead_to(box):
    names_in(box)
    links = box.mount(symlinks="follow") / "links"
    file = os.lstat(links / "relative")
    assert stat.S_ISREG(file.st_mode)
    assert (file.st_size, file.st_mtime) == (16, 1_234_567_890)
    assert stat.S_IMODE(file.st_mode) == 0o755
    assert stat.S_ISDIR(os.lstat(links / "directory").st_mode)
    for name in ("gone", "a", "b"):
        assert stat.S_ISLNK(os.lstat(links / name).st_mode), name
    with pytest.raises(OSError):
        os.readlink(links / "relative")
    assert sorted(os.listdir(links / "directory")) == ["sub", "x"]
    # What find and cp see, with types from readdir.
    found = box.sh("cd links && find directory relative gone -printf '%p %y\\n' | sort").stdout.decode().split("\n")
    assert found[:-1] == ["directory d", "directory/sub d", "directory/sub/y f", "directory/x f", "gone l", "relative f"]



@pytest.mark.real
def test_changes_through_a_followed_link(box):
    names_in(box)
    links = box.mount(symlinks="follow") / "links"
    target = box.remote / "pub/x"
    if box.server.stores_through_links:
        (links / "relative").write_text("new\n")
        assert target.read_text() == "new\n"
        box.sh("echo more >> links/relative && sed -n 1p links/relative")
        assert target.read_text() == "new\nmore\n"
    else:
        with pytest.raises(PermissionError):
            (links / "relative").write_text("new\n")
    content = target.read_text()
    assert os.readlink(box.remote / "links/relative") == "../pub/x", "the link is one still"
    os.rename(links / "relative", links / "renamed")
    assert os.readlink(box.remote / "links/renamed") == "../pub/x"
    os.unlink(links / "renamed")
    assert not os.path.lexists(box.remote / "links/renamed")
    assert target.read_text() == content
    with pytest.raises(OSError):
        os.rmdir(links / "directory")
    (links / "directory/x").unlink()
    box.sh("rm -r links/directory/sub")
    os.rmdir(links / "directory")
    assert not os.path.lexists(box.remote / "links/directory")
    assert (box.remote / "pub").is_dir()


@pytest.mark.real
def test_a_new_link_on_a_mount_that_follows(box):
    if not box.server.has_symlink_command:
        pytest.skip("the server has no command that makes links")
    box.put("x", "1")
    path = box.mount(symlinks="follow")
    os.symlink("x", path / "link")
    assert (path / "link").read_text() == "1"
    assert not (path / "link").is_symlink()
    assert (box.remote / "link").is_symlink()
