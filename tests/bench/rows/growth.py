# SPDX-License-Identifier: MIT
"""How the cost grows: each row is a point of a plot."""

from .reading import CopyFrom
from .walk import Find, LongList

FILES_IN_DIRECTORY = 50
AT_A_TIME = 16


class DirectorySize(LongList):
    group = "growth"
    series = "ls -l, by the entries of the directory"

    @property
    def x(self):
        return self.count


class TreeSize(Find):
    group = "growth"
    series = "find, by the files of the tree"

    def __init__(self, bench, sizes, count):
        super().__init__(bench, sizes, count // FILES_IN_DIRECTORY, FILES_IN_DIRECTORY)

    @property
    def x(self):
        return self.directories * self.files


class Connections(CopyFrom):
    group = "growth"
    series = "16 cp at a time from the mount, by the connections it may have"

    def __init__(self, bench, sizes, connections):
        self.connections = connections
        super().__init__(bench, sizes, sizes.few, AT_A_TIME)

    @property
    def title(self):
        return f"{super().title}, connections: {self.connections}"

    @property
    def values(self):
        return tuple(type(value)(value.name) for value in super().values)  # the bound is another one

    @property
    def x(self):
        return self.connections


def rows(bench, sizes):
    return [*(DirectorySize(bench, sizes, count) for count in sizes.directories),
            *(TreeSize(bench, sizes, count) for count in sizes.trees),
            *(Connections(bench, sizes, count) for count in sizes.connections)]
