"""What ansible-doc says of `mooring.mooring.bundles`; its action in plugins/action runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bundles
short_description: Build what virtualenvs are installed from
description:
  - Runs on the controller, in check mode as well, since whether a source can be built shows nowhere else.
  - Hosts with the same Python share their bundles; the first one builds them, the others find them.
options:
  wanted:
    description:
      - By a name of your choice C(source), C(requirements), C(app_requirements) and C(build_requirements), lists of files.
    type: dict
    required: true
  installer: {description: The requirements file of the pip that installs on the target., type: str, required: true}
  python: {description: "The target's interpreter: version, machine, libc_version.", type: dict, required: true}
  cache: {description: The folder that keeps the bundles., type: path, required: true}
"""

RETURN = r"""
bundles: {description: "By these names C(id), C(path), C(sha256), C(sbom) and C(built).", type: dict, returned: success}
"""
