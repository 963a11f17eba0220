#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""checkdocs.py finds what is wrong, and only that."""
import os
import tempfile
import unittest

import checkdocs
import settingspage

HELP = """Kav answers.

Usage: kav-engine [serve] [FLAGS]     answer calls (the default)
       kav-engine migrate [FLAGS]     make the schema
       kav-engine call ...            call an engine; see kav-engine call --help
       kav-engine calls [CALLID] [--text T] [--json] [FLAGS]
                                      show the call log
       kav-engine example-config      print a file
       kav-engine --help | --version

Each setting is taken from its flag.

[server]  the process
  --port, server.port, KAV_PORT, PORT
      port of everything
      0 to 65535; default: 5000
  --data-dir, server.data_dir, KAV_DATA_DIR
      a | b, and *
      path; default: ~/.local/share/kav

[twilio]  the company
  twilio.auth_token, KAV_TWILIO_AUTH_TOKEN, TWILIO_AUTH_TOKEN
      proves that requests are Twilio's
      secret; default: none

[persona.NAME]  who answers
"""
CALL_HELP = "  --say TEXT  said\n  --to URL\n"
PHONE_HELP = "  --phone NUMBER\n  --yes\n"


def run(*arguments):
    return {("--help",): HELP, ("call", "--help"): CALL_HELP, ("call", "--phone", "--help"): PHONE_HELP}[arguments]


class CheckDocs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        self.write("docs/README.md", "# Index\n")
        self.write("CMakePresets.json", '{"configurePresets": [{"name": "dev"}]}')
        self.write("packaging/test.sh", "if [ $KAV_TEST_PACKAGES = 1 ]")

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def problems(self, text, path="README.md"):
        self.write(path, text)
        programs = [checkdocs.engine_program(run), checkdocs.Program("kav-console", {"": {"--url"}})]
        checker = checkdocs.Checker(self.root, programs,
                                    lambda text: [(1, "unknown key")] if "nosuch" in text.split("\n")[0] else [])
        checker.check_all()
        return checker.problems

    def assert_fine(self, text):
        self.assertEqual(self.problems(text), [])

    def assert_found(self, text, *wanted):
        found = self.problems(text)
        self.assertEqual(len(found), len(wanted), found)
        for problem, part in zip(found, wanted):
            self.assertIn(part, problem)

    def test_links_that_lead_somewhere(self):
        self.write("docs/a.md", "# One\n\n## `kav` does: two, *three*\n\n## One\n")
        self.write("docs/README.md", "[a](a.md)\n")
        self.assert_fine("[x](docs/a.md) [y](docs/a.md#one-1) [z](docs/a.md#kav-does-two-three) [w](https://a.b/c)\n"
                         "[r]: docs/a.md\n`[no](link.md)`\n\n    [no](link.md)\n")

    def test_a_link_to_no_file(self):
        self.assert_found("# T\n\n[x](docs/b.md)\n", "README.md:3: the link docs/b.md leads to no file")

    def test_a_link_over_two_lines(self):
        self.assert_found("[x\ny](b.md)\n", "leads to no file")

    def test_a_picture_that_is_not_there(self):
        self.assert_found("![x](b.png)\n", "leads to no file")

    def test_a_reference_to_no_file(self):
        self.assert_found("[x]: b.md\n", "leads to no file")

    def test_a_link_to_no_heading(self):
        self.write("docs/README.md", "# Two\n```\n# three\n```\n")
        self.assert_found("[x](docs/README.md#one) [y](#four) [z](docs/README.md#three)\n", "no heading", "no heading",
                          "no heading")

    def test_a_link_out_of_the_tree(self):
        self.assert_found("[x](../b.md)\n", "out of the tree")

    def test_a_page_that_the_index_does_not_name(self):
        self.write("docs/a.md", "# A\n")
        self.assert_found("# T\n", "docs/README.md:1: does not name a.md")

    def test_commands_that_are_right(self):
        self.assert_fine("""# T

    KAV_PORT=1 build/dev/bin/kav-engine serve --port 2 &
    sudo -u kav kav-engine calls CA1 --json | less      # it's a comment
    kav-engine --port=3 && kav-engine call --say "hello" --to http://x
    kav-engine call --phone +1 --yes --data-dir /x
    sudo systemctl restart kav-engine
    apt install ./kav-engine_*.deb

`kav-engine [serve]`, `kav-engine COMMAND`, `kav-console --url x`, `TWILIO_AUTH_TOKEN_FILE`, `KAV_TWILIO_AUTH_TOKEN_FILE`
""")

    def test_a_command_that_is_not_there(self):
        self.assert_found("```sh\nkav-engine calls; kav-engine backup\n```\n", "README.md:2: kav-engine has no command 'backup'")

    def test_a_flag_that_is_not_there(self):
        self.assert_found("# T\n    kav-engine migrate --json\n", "kav-engine migrate has no flag --json")

    def test_a_secret_is_no_flag(self):
        self.assert_found("# T\n    kav-engine --twilio-auth-token x\n", "has no flag --twilio-auth-token")

    def test_a_flag_on_the_next_line(self):
        self.assert_found("# T\n\n    kav-engine calls \\\n        --nosuch\n", "README.md:4: kav-engine calls has no flag")

    def test_a_flag_behind_an_apostrophe(self):
        self.assert_found("# T\n    kav-engine calls --nosuch it's\n", "no flag --nosuch")

    def test_a_flag_in_a_span(self):
        self.assert_found("| `kav-engine calls --nosuch A\\|B` |\n", "no flag --nosuch")

    def test_a_flag_of_the_console(self):
        self.assert_found("`kav-console --nosuch`\n", "kav-console has no flag --nosuch")

    def test_variables(self):
        self.assert_fine("`KAV_TEST_PACKAGES=1` `$KAV_CONFIG` `KAV_ASSERT(x)`\n")
        self.assert_found("`KAV_PROT=1`\n\n    KAV_PORT_FILE=x kav-engine\n", "KAV_PORT_FILE", "KAV_PROT")

    def test_settings(self):
        self.assert_fine("`server.port` `server.toml` `other.port`\n")
        self.assert_found("`server.prot`\n", "there is no setting server.prot")

    def test_metrics(self):
        self.write("engine/metrics/metrics.cpp", 'family("kav_calls_active", "Calls.");')
        self.assertEqual(self.problems("`kav_calls_active_bucket{x=1}`\n", "docs/README.md"), [])
        self.assertIn("there is no metric kav_calls", self.problems("`kav_calls`\n", "docs/README.md")[0])

    def test_presets_and_files(self):
        self.assert_fine("# T\n    cmake --preset dev && ./packaging/test.sh\n")
        self.assert_found("# T\n    cmake --preset prod && ./packaging/tset.sh\n", "no preset prod", "no packaging/tset.sh")

    def test_settings_in_toml(self):
        self.write("resources/dialogs/README.md", "```toml\nnosuch = 1\n```\n")
        self.assert_fine("```toml\nport = 1\n```\n```sh\nnosuch\n```\n")
        self.assert_found("# T\n```toml\nport = 1\n```\n\n```toml\nnosuch = 1\n```\n", "README.md:7: unknown key")

    def test_a_page_of_a_folder_that_the_index_does_not_name(self):
        self.write("docs/providers/a.md", "# A\n")
        self.assert_found("# T\n", "docs/README.md:1: does not name providers/a.md")

    def test_the_page_of_settings(self):
        page = settingspage.page(HELP)
        self.assertIn("| `server.data_dir` | a \\| b, and \\* | path | ~/.local/share/kav | `--data-dir`<br>`KAV_DATA_DIR` |", page)
        self.assertIn("## [twilio]\nThe company.\n", page)
        self.assertNotIn("persona.NAME]  who", page)

    def test_a_help_that_cannot_be_read(self):
        with self.assertRaises(ValueError):
            settingspage.page("Usage: kav-engine\n")
        with self.assertRaises(ValueError):
            settingspage.page(HELP.replace("; default: 5000", ""))


if __name__ == "__main__":
    unittest.main()
