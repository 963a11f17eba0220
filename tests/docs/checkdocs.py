#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the documents of the tree against the tree and the programs.

    checkdocs.py --engine PROGRAM [--console PROGRAM] [ROOT]

In every *.md: relative links lead to a file, and to a heading of it where they name one. In code (fenced, indented, or a
span): commands of kav-engine and kav-console, their flags, KAV_ variables, settings by their key, presets of CMake, and
files of the tree exist; in docs/, metrics as well. Every fenced block of TOML is a file of settings that the engine takes.
Every page of docs/ stands in docs/README.md, and docs/settings.md is what the engine says now.
"""
import argparse
import glob
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import urllib.parse

import settingspage

SKIPPED_FOLDERS = {".git", ".cache", "build", "node_modules"}
TREE_FOLDERS = ("console", "docs", "engine", "packaging", "resources", "shared", "tests")
# Who reads KAV_ variables beside the engine, and who gives fields of the journal such names.
OTHER_READERS = ("CMakeLists.txt", "packaging/test.sh", "packaging/caddy/Caddyfile", "console/app/*.cpp",
                 "tests/bench/digits/*.cpp", "shared/core/logline.cpp")
# Files of another kind: what a dialog says and understands.
OTHER_TOML = ("resources/dialogs/",)
# What may stand before a command: sudo -u kav kav-engine ...
PREFIXES = {"sudo", "env", "exec", "nohup", "runuser", "time"}
PREFIX_VALUES = {"-u", "-g"}
SEPARATOR = re.compile(r"^[;|&()<>]+$")


def documents(root):
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in files if name.endswith(".md")]
    return sorted(found)


class Document:
    """A page parted into prose, with code blanked out but its lines kept, and code by line number."""

    def __init__(self, text):
        self.code = []  # (line, text)
        self.spans = []  # (line, text)
        self.toml = []  # (line of the fence, text)
        prose = []
        fence = None
        toml = None
        blank_before = True
        indented = False
        for number, line in enumerate(text.split("\n"), 1):
            mark = re.match(r"^\s*(```+|~~~+)", line)
            if fence:
                if mark and mark[1].startswith(fence):
                    fence = None
                    toml = None
                else:
                    self.code.append((number, line))
                    if toml is not None:
                        toml[1] += line + "\n"
                prose.append("")
                continue
            if mark:
                fence = mark[1]
                if line.strip()[len(fence):].strip() == "toml":
                    toml = [number, ""]
                    self.toml.append(toml)
                prose.append("")
                continue
            indented = line.startswith("    ") and line.strip() != "" and (blank_before or indented)
            if indented:
                self.code.append((number, line.strip()))
                prose.append("")
            else:
                prose.append(line)
            # A heading, too, may stand right before indented code.
            blank_before = line.strip() == "" or line.startswith("#")
        self.prose = re.sub(r"(`+)(.+?)\1", self._take_span, "\n".join(prose), flags=re.S)

    def _take_span(self, match):
        self.spans.append((match.string.count("\n", 0, match.start()) + 1, " ".join(match[2].split())))
        return "".join("\n" if letter == "\n" else "`" for letter in match[0])

    def links(self):
        for pattern in (r"\]\(\s*<?([^()\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)", r"(?m)^\[[^\]]+\]:\s+<?(\S+?)>?(?:\s|$)"):
            for match in re.finditer(pattern, self.prose):
                yield self.prose.count("\n", 0, match.start()) + 1, match[1]


def anchors(text):
    """The anchors of a page's headings, as GitHub makes them."""
    found = set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))
    counts = {}
    lines = []
    fenced = False
    for line in text.split("\n"):
        if re.match(r"^\s*(```|~~~)", line):
            fenced = not fenced
        elif not fenced:
            lines.append(line)
    for line in lines:
        heading = re.match(r"^#{1,6}\s+(.*?)\s*#*$", line)
        if not heading:
            continue
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1])
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        seen = counts.get(slug, 0)
        counts[slug] = seen + 1
        found.add(slug if seen == 0 else f"{slug}-{seen}")
    return found


class Program:
    """What a program takes, by its own --help."""

    def __init__(self, name, commands, variables=(), secrets=(), keys=()):
        self.name = name
        self.commands = commands  # name: flags
        self.variables = set(variables)
        self.secrets = set(secrets)
        self.keys = set(keys)


def flags_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text))


def engine_program(run):
    """`run(*arguments)` gives what the engine prints."""
    text = run("--help")
    settings = settingspage.read(text)
    setting_flags = {flag for setting in settings for flag in setting.flags}
    everywhere = {"--help", "--version", "--config"}
    commands = {}
    usage = text[text.index("Usage:"):text.index("\n\n", text.index("Usage:"))]
    for part in re.split(r"(?=kav-engine )", usage)[1:]:
        name = re.match(r"kav-engine \[?([a-z-]+)", part)
        if not name:
            continue
        flags = everywhere | flags_in(part)
        if "[FLAGS]" in part:
            flags |= setting_flags
        commands[name[1]] = commands.get(name[1], set()) | flags
    commands["call"] = everywhere | flags_in(run("call", "--help"))
    commands["call --phone"] = everywhere | flags_in(run("call", "--phone", "--help")) | setting_flags
    commands["help"] = commands["version"] = everywhere
    variables = [name for setting in settings for name in setting.variables]
    secrets = [name for setting in settings if setting.secret for name in setting.variables]
    return Program("kav-engine", commands, variables + ["KAV_CONFIG"], secrets, [setting.key for setting in settings])


def console_program(run):
    return Program("kav-console", {"": flags_in(run("--help")) | {"--help", "--version"}})


def segments(text):
    """The simple commands of a shell line, as lists of words."""
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer)
    except ValueError:  # no shell, or an apostrophe in words
        words = text.split()
    part = []
    for word in words:
        if SEPARATOR.match(word):
            yield part
            part = []
        else:
            part.append(word)
    yield part


def command_of(words):
    """The words from the program on, without what stands before it."""
    words = list(words)
    prefixed = False
    while words:
        if re.match(r"^[A-Za-z_][A-Za-z0-9_]*=", words[0]):
            words.pop(0)
        elif words[0] in PREFIXES:
            prefixed = True
            words.pop(0)
        elif prefixed and words[0] in PREFIX_VALUES:
            del words[:2]
        elif prefixed and words[0] == "--":
            words.pop(0)
        else:
            return words
    return words


def check_command(words, programs):
    """Yields what is wrong with one simple command."""
    words = command_of(words)
    program = next((p for p in programs if words and os.path.basename(words[0]) == p.name), None)
    if not program:
        return
    arguments = [word.strip("[]") for word in words[1:]]
    command = ""
    if "" not in program.commands:
        command = arguments.pop(0) if arguments and not arguments[0].startswith("-") else "serve"
        if not re.match(r"^[a-z]", command):  # ... or COMMAND
            return
        if command not in program.commands:
            yield f"{program.name} has no command '{command}'"
            return
        if command == "call" and "--phone" in arguments:
            command = "call --phone"
    for argument in arguments:
        if argument == "--":
            return
        flag = argument.split("=", 1)[0]
        if re.match(r"^--[a-z]", flag) and flag not in program.commands[command]:
            yield f"{program.name} {command}".strip() + f" has no flag {flag}"


class Checker:
    def __init__(self, root, programs, faults_of_settings=lambda text: []):
        """`faults_of_settings(text)` gives (line, what is wrong) of a TOML file."""
        self.root = root
        self.programs = programs
        self.faults_of_settings = faults_of_settings
        self.known_variables = set()
        self.keys = set()
        for program in programs:
            self.known_variables |= program.variables | {name + "_FILE" for name in program.secrets}
            self.keys |= program.keys
        for pattern in OTHER_READERS:
            for path in glob.glob(os.path.join(root, pattern)):
                with open(path, encoding="utf-8") as file:
                    self.known_variables |= set(re.findall(r"\bKAV_[A-Z0-9_]+\b", file.read()))
        self.metrics = set()
        for path in glob.glob(os.path.join(root, "engine/metrics/*.cpp")):
            with open(path, encoding="utf-8") as file:
                self.metrics |= set(re.findall(r"\"(kav_[a-z_]+)\"", file.read()))
        self.sections = {key.split(".")[0] for key in self.keys}
        self.presets = set()
        presets = os.path.join(root, "CMakePresets.json")
        if os.path.exists(presets):
            with open(presets, encoding="utf-8") as file:
                for name, entries in json.load(file).items():
                    if name.endswith("Presets"):
                        self.presets |= {entry["name"] for entry in entries}
        self.problems = []

    def tell(self, path, line, what):
        self.problems.append(f"{path}:{line}: {what}")

    def check_link(self, path, line, target):
        if re.match(r"^[a-z][a-z0-9+.-]*:", target):
            return
        name, _, anchor = urllib.parse.unquote(target).partition("#")
        there = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
        if there.startswith("..") or os.path.isabs(there):
            self.tell(path, line, f"the link {target} leads out of the tree")
        elif not os.path.exists(os.path.join(self.root, there)):
            self.tell(path, line, f"the link {target} leads to no file")
        elif anchor:
            if not there.endswith(".md"):
                return
            with open(os.path.join(self.root, there), encoding="utf-8") as file:
                if anchor not in anchors(file.read()):
                    self.tell(path, line, f"the link {target} leads to no heading")

    def check_code(self, path, line, text, span):
        for name in re.findall(r"(?<![\w$])KAV_[A-Z0-9_]*[A-Z0-9]\b(?!\()", text):
            if name not in self.known_variables:
                self.tell(path, line, f"nobody reads the variable {name}")
        if path.startswith("docs/"):
            for name in re.findall(r"\bkav_[a-z_]+\b", text):
                if re.sub(r"_(bucket|sum|count)$", "", name) not in self.metrics:
                    self.tell(path, line, f"there is no metric {name}")
        if span and re.match(r"^[a-z_]+\.[a-z_]+$", text) and text.split(".")[0] in self.sections:
            if text not in self.keys and not re.search(r"\.(md|toml|db|json|csv|wav)$", text):
                self.tell(path, line, f"there is no setting {text}")
        for words in segments(text):
            for what in check_command(words, self.programs):
                self.tell(path, line, what)
            words = command_of(words)
            if words and words[0] in ("cmake", "ctest", "cpack"):
                for before, after in zip(words, words[1:]):
                    if before == "--preset" and re.match(r"^[a-z]", after) and after not in self.presets:
                        self.tell(path, line, f"there is no preset {after}")
            for word in words:
                named = word[2:] if word.startswith("./") else word
                if named.startswith(tuple(folder + "/" for folder in TREE_FOLDERS)) and not span:
                    if not re.match(r"^[\w./*-]+$", named):
                        continue
                    if not glob.glob(os.path.join(self.root, named)):
                        self.tell(path, line, f"there is no {named}")

    def check_page(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            page = Document(file.read())
        for line, target in page.links():
            self.check_link(path, line, target)
        joined = ""
        for number, text in page.code:
            if text.endswith("\\"):
                joined += text[:-1] + " "
                continue
            self.check_code(path, number, joined + text, False)
            joined = ""
        for number, text in page.spans:
            self.check_code(path, number, text.replace("\\|", "|"), True)
        if not path.startswith(OTHER_TOML):
            for number, text in page.toml:
                for line, what in self.faults_of_settings(text):
                    self.tell(path, number + line, what)

    def check_index(self):
        index = os.path.join(self.root, "docs/README.md")
        if not os.path.exists(index):
            self.tell("docs/README.md", 1, "is not there")
            return
        with open(index, encoding="utf-8") as file:
            named = {target.split("#")[0] for _, target in Document(file.read()).links()}
        for path in sorted(glob.glob(os.path.join(self.root, "docs/**/*.md"), recursive=True)):
            name = os.path.relpath(path, os.path.join(self.root, "docs"))
            if name != "README.md" and name not in named:
                self.tell("docs/README.md", 1, f"does not name {name}")

    def check_all(self):
        pages = documents(self.root)
        for path in pages:
            self.check_page(path)
        self.check_index()
        return pages


def bare_environment():
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KAV_", "TWILIO_"))}
    environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    return environment


def runner(program):
    def run(*arguments):
        return subprocess.run([program, *arguments], env=bare_environment(), check=True, capture_output=True, timeout=60,
                              encoding="utf-8").stdout
    return run


def reader_of_settings(program):
    """Has the engine read a file of settings. `health` does nothing else with them than to ask a port, where nobody is."""
    def faults(text):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "kav.toml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            read = subprocess.run([program, "health", "--config", path, "--data-dir", folder, "--address", "127.0.0.1",
                                   "--port", "1"], env=bare_environment(), capture_output=True, timeout=60, encoding="utf-8")
        if read.returncode != 2:  # wrong usage, a mistake in the file included
            return []
        found = re.findall(r"kav\.toml:(\d+):\d+: (.*)", read.stderr)
        return [(int(line), "the engine does not take this: " + what) for line, what in found] or [(0, read.stderr.strip())]
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--engine", required=True)
    parser.add_argument("--console")
    parser.add_argument("root", nargs="?", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    given = parser.parse_args()
    run = runner(given.engine)
    programs = [engine_program(run)]
    if given.console:
        programs.append(console_program(runner(given.console)))
    checker = Checker(os.path.abspath(given.root), programs, reader_of_settings(given.engine))
    pages = checker.check_all()
    with open(os.path.join(checker.root, "docs/settings.md"), encoding="utf-8") as file:
        if file.read() != settingspage.page(run("--help")):
            checker.tell("docs/settings.md", 1, "is not what kav-engine --help says now; build the target update-settings-page")
    for problem in checker.problems:
        print(problem)
    print(f"{len(pages)} pages, {len(checker.problems)} problems")
    return 1 if checker.problems or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
