"""What ansible-doc says of `mooring.mooring.run_program`; its action in plugins/action runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: run_program
short_description: Run a program on the host, fast
description:
  - As ansible.builtin.command with these options, and several times faster, since no module is sent.
  - In check mode it is skipped, as a command is; C(check_mode: false) runs it.
  - It ends when the output ends. A program that goes on in the background with it is waited for, which a command is not.
options:
  argv: {description: The program and its arguments., type: list, elements: str, required: true}
  stdin: {description: What it reads from its standard input., type: str}
  stdin_file: {description: "A file of the controller that it reads from its standard input, in place of O(stdin).", type: path}
  chdir: {description: The folder in which it runs., type: path}
"""

RETURN = r"""
cmd: {description: The program and its arguments., type: list, returned: always}
rc: {description: "Its exit status; 127 when there is no such program.", type: int, returned: always}
stdout: {description: What it wrote., type: str, returned: always}
stderr: {description: What it wrote to its standard error., type: str, returned: always}
"""
