"""Certificates for the tests: an authority, and what it vouches for. Made by openssl's command line."""

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

PASSPHRASE = "pass phrase"

_CONFIGURATION = """
[ca]
default_ca = own
[own]
database = index
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
"""


class Pair(NamedTuple):
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


class Authority:
    """Issues certificates into a folder of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("openssl is missing")
        self.folder = folder
        folder.mkdir()
        (folder / "ca.cnf").write_text(_CONFIGURATION)
        (folder / "index").touch()
        self._openssl("req", "-x509", *_NEW_KEY, "-subj", f"/CN={name}", "-days", "2", "-keyout", "ca.key", "-out",
                      "ca.pem")  # fmt: skip
        self.certificate = folder / "ca.pem"

    def issue(self, name: str, alternative_names: str = "", *, begins: str = "", ends: str = "") -> Pair:
        """A certificate; the names as openssl writes them, `DNS:redis,IP:127.0.0.1`, and times as `20200101000000Z`."""
        names = ["-addext", f"subjectAltName={alternative_names}"] if alternative_names else []
        self._openssl("req", "-new", *_NEW_KEY, "-subj", f"/CN={name}", *names, "-keyout", f"{name}.key", "-out",
                      f"{name}.csr")  # fmt: skip
        valid = ["-startdate", begins, "-enddate", ends] if begins else ["-days", "2"]
        self._openssl("ca", "-batch", "-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.pem", *valid, "-notext",
                      "-in", f"{name}.csr", "-out", f"{name}.pem")  # fmt: skip
        return Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")

    def encrypted(self, pair: Pair, *, legacy: bool) -> Path:
        """The key once more, encrypted with `PASSPHRASE`: in the form of PKCS#8, or in the older one of OpenSSL."""
        target = f"{pair.key.stem}.{'legacy' if legacy else 'pkcs8'}.key"
        form = ["ec", "-aes256"] if legacy else ["pkcs8", "-topk8"]
        self._openssl(*form, "-in", str(pair.key), "-passout", f"pass:{PASSPHRASE}", "-out", target)
        return self.folder / target

    def in_der(self, pair: Pair) -> Path:
        """The certificate in its binary form."""
        self._openssl("x509", "-in", str(pair.certificate), "-outform", "DER", "-out", "binary.der")
        return self.folder / "binary.der"

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
