"""Makes the messages of Protos when the package is built; everything else is in pyproject.toml."""

import sys
from pathlib import Path

from setuptools import find_namespace_packages, setup

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import generate  # noqa: E402 - next to this file

generate.generate(HERE)
setup(packages=["portolan_client", *find_namespace_packages(str(HERE), include=["portolan.*"])],
      package_data={"portolan_client": ["py.typed", "*.pyi"], "": ["*.pyi"]})
