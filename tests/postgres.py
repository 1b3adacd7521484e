"""A real PostgreSQL with PostGIS of a test's own: a cluster in a temporary folder that listens on a socket only."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def binaries() -> Path | None:
    """Folder of the programs of the newest PostgreSQL that has PostGIS; None where there is none."""
    found = sorted(
        Path("/usr/share/postgresql").glob("*/extension/postgis.control"), key=lambda path: int(path.parts[4])
    )
    folders = [Path("/usr/lib/postgresql") / path.parts[4] / "bin" for path in found]
    return next((folder for folder in reversed(folders) if (folder / "initdb").exists()), None)


@contextmanager
def postgres() -> Iterator[str]:
    """The address of an empty database while the block runs, without PostGIS in it yet."""
    programs = binaries()
    if programs is None and os.environ.get("CI") == "true":
        pytest.fail("PostGIS is missing, and CI must have it: install Debian's postgresql-postgis")
    if programs is None:
        pytest.skip("PostgreSQL with PostGIS is not installed (Debian: postgresql-postgis)")
    # The server refuses to be run by root.
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    owner = pwd.getpwnam(user)
    folder = Path(tempfile.mkdtemp(prefix="landslide-pg-", dir="/tmp"))
    try:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        how = {"cwd": folder, "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}}
        if os.getuid() == 0:
            how |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        command = [programs / "initdb", "-D", folder / "data", "-A", "trust", "-U", user, "--no-sync", "-E", "UTF8"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **how)
        command = [programs / "postgres", "-D", folder / "data", "-k", folder, "-h", "", "-F"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **how) as server:
            try:
                for _ in range(200):
                    ready = [programs / "pg_isready", "-q", "-h", folder]
                    if subprocess.run(ready, check=False, **how).returncode == 0:
                        break
                    assert server.poll() is None, "PostgreSQL ended by itself"
                    time.sleep(0.05)
                yield f"host={folder} user={user} dbname=postgres"
            finally:
                server.terminate()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
