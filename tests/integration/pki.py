# SPDX-License-Identifier: MIT
"""Throw-away certificates for the tests: a CA, another CA, and server certificates that are
right, made out to a wrong name, expired, self-signed or issued by the other CA.

Made with the openssl command, so that nothing but what a developer has at hand is needed.
Keys are P-256: making one takes milliseconds, and so does a handshake.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key; `pem` holds both, as some servers want one file."""

    cert: Path
    key: Path
    pem: Path


def _openssl(*args, cwd):
    done = subprocess.run(["openssl", *map(str, args)], cwd=cwd, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {args[0]}: {done.stdout.decode(errors='replace')}")


class Pki:
    """All certificates of one test run, in one folder."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._ca("ca", "ftpsfs test CA")
        self._ca("other-ca", "some other CA")
        self.ca = self.folder / "ca.crt"
        self.other_ca = self.folder / "other-ca.crt"
        self.good = self._server("good", "DNS:localhost,IP:127.0.0.1,IP:::1,IP:10.77.0.2")
        self.wrong_name = self._server("wrong-name", "DNS:ftp.elsewhere.example")
        self.name_only = self._server("name-only", "DNS:localhost")
        self.expired = self._server("expired", "DNS:localhost,IP:127.0.0.1", expired=True)
        self.other_issuer = self._server("other-issuer", "DNS:localhost,IP:127.0.0.1", issuer="other-ca")
        self.capath = self._hashed_folder()
        self.client_root, self.client_ca = self._client_authorities()
        self.client = self.client_certificate("tester")

    # -- clients: a CA of their own, and one below it that signs, so that there is a chain to send

    def _client_authorities(self):
        self._ca("client-root", "ftpsfs test client root")
        self._key("client-ca")
        _openssl("req", "-new", "-key", "client-ca.key", "-subj", "/O=ftpsfs tests/CN=ftpsfs test client CA",
                 "-out", "client-ca.csr", cwd=self.folder)
        self._sign("client-ca", "client-root", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n")
        return self.folder / "client-root.crt", self.folder / "client-ca.crt"

    def client_certificate(self, common_name, name=None, days=30):
        """A client's certificate; its `cert` file holds the chain, too."""
        name = name or f"client-{common_name}"
        self._key(name)
        _openssl("req", "-new", "-key", f"{name}.key", "-subj", f"/O=ftpsfs tests/OU={name}/CN={common_name}",
                 "-out", f"{name}.csr", cwd=self.folder)
        self._sign(name, "client-ca", "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                                      "extendedKeyUsage=clientAuth\n", days=days)
        cert, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        cert.write_bytes(cert.read_bytes() + (self.folder / "client-ca.crt").read_bytes())
        key.chmod(0o600)
        pem = self.folder / f"{name}.pem"
        pem.write_bytes(key.read_bytes() + cert.read_bytes())
        pem.chmod(0o600)
        return Certificate(cert, key, pem)

    def server_for(self, *names):
        """A server's certificate for names of the caller's choice."""
        return self._server(names[0], ",".join(f"DNS:{name}" for name in names))

    def renewed_server(self):
        """What the good server's certificate is replaced by: the same names, another key."""
        return self._server("renewed-server", "DNS:localhost,IP:127.0.0.1")

    def ipv6_server(self):
        return self._server("ipv6-server", "DNS:localhost,IP:::1")

    def self_signed_server(self, name):
        """A server's certificate that no CA knows."""
        self._key(name)
        _openssl("req", "-x509", "-new", "-key", f"{name}.key", "-sha256", "-days", "30", "-subj", "/CN=localhost",
                 "-addext", "subjectAltName=DNS:localhost", "-out", f"{name}.crt", cwd=self.folder)
        return self._joined(name)

    def pin(self, certificate):
        """The certificate's public key as pin= has it, made as the documentation says."""
        made = subprocess.run(f"openssl x509 -in {certificate.cert} -noout -pubkey | openssl pkey -pubin -outform DER "
                              "| openssl dgst -sha256 -binary | base64", shell=True, check=True, timeout=60,
                              stdout=subprocess.PIPE, text=True)
        return f"sha256:{made.stdout.strip()}"

    def revocations(self, name, revoked=(), stale=False):
        """The CA's list of revoked certificates."""
        config = self.folder / "crl.cnf"
        (self.folder / f"{name}-index.txt").write_text("")
        config.write_text(f"[ca]\ndefault_ca=c\n[c]\ndatabase={name}-index.txt\ndefault_md=sha256\n")
        ca = ["-config", config, "-cert", "ca.crt", "-keyfile", "ca.key"]
        for each in revoked:
            _openssl("ca", *ca, "-revoke", each.cert, cwd=self.folder)
        when = (["-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200201000000Z"] if stale
                else ["-crldays", "30"])
        _openssl("ca", *ca, "-gencrl", *when, "-out", f"{name}.crl", cwd=self.folder)
        return self.folder / f"{name}.crl"

    def lasting_server(self):
        """A server's certificate whose end is far away."""
        return self._server("lasting-server", "DNS:localhost,IP:127.0.0.1", days=300)

    def export(self, certificate, passphrase, old=False):
        """A PKCS#12 file as it comes out of a certificate manager; `old`: RC2-40 and 3DES."""
        name = certificate.cert.with_suffix(".old.pfx" if old else ".pfx").name
        how = ["-legacy", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-RC2-40"] if old else []
        _openssl("pkcs12", "-export", "-in", certificate.cert, "-inkey", certificate.key, *how,
                 "-passout", f"pass:{passphrase}", "-out", name, cwd=self.folder)
        (self.folder / name).chmod(0o600)
        return self.folder / name

    def encrypted_key(self, certificate, passphrase):
        path = certificate.key.with_suffix(".encrypted.key")
        _openssl("pkcs8", "-topk8", "-in", certificate.key, "-v2", "aes-256-cbc",
                 "-passout", f"pass:{passphrase}", "-out", path, cwd=self.folder)
        path.chmod(0o600)
        return path

    def der(self, certificate):
        """Certificate (alone) and key, both in DER."""
        cert, key = certificate.cert.with_suffix(".cer"), certificate.key.with_suffix(".der")
        _openssl("x509", "-in", certificate.cert, "-outform", "DER", "-out", cert, cwd=self.folder)
        _openssl("pkcs8", "-topk8", "-nocrypt", "-in", certificate.key, "-outform", "DER", "-out", key,
                 cwd=self.folder)
        key.chmod(0o600)
        return cert, key

    def _key(self, name):
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key", cwd=self.folder)

    def _ca(self, name, common_name):
        self._key(name)
        _openssl("req", "-x509", "-new", "-key", f"{name}.key", "-sha256", "-days", "30",
                 "-subj", f"/O=ftpsfs tests/CN={common_name}", "-out", f"{name}.crt",
                 "-addext", "keyUsage=critical,keyCertSign,cRLSign", cwd=self.folder)

    def _server(self, name, alt_names, issuer="ca", expired=False, days=30):
        self._key(name)
        common_name = alt_names.split(",")[0].split(":", 1)[1]
        _openssl("req", "-new", "-key", f"{name}.key", "-subj", f"/O=ftpsfs tests/CN={common_name}",
                 "-out", f"{name}.csr", cwd=self.folder)
        extensions = (f"basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                      f"extendedKeyUsage=serverAuth\nsubjectAltName={alt_names}\n"
                      "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n")
        if expired:
            self._sign_in_the_past(name, issuer, extensions)
        else:
            self._sign(name, issuer, extensions, days)
        return self._joined(name)

    def _joined(self, name):
        pem = self.folder / f"{name}.pem"
        pem.write_bytes((self.folder / f"{name}.key").read_bytes() + (self.folder / f"{name}.crt").read_bytes())
        return Certificate(self.folder / f"{name}.crt", self.folder / f"{name}.key", pem)

    def _sign(self, name, issuer, extensions, days=30):
        path = self.folder / f"{name}.ext"
        path.write_text(extensions)
        _openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.crt", "-CAkey", f"{issuer}.key",
                 "-CAcreateserial", "-days", days, "-sha256", "-extfile", path, "-out", f"{name}.crt", cwd=self.folder)

    def _sign_in_the_past(self, name, issuer, extensions):
        """`openssl x509` cannot choose the start of a validity; `openssl ca` can."""
        (self.folder / f"{name}.ext").write_text(extensions)
        (self.folder / "index.txt").write_text("")
        (self.folder / "serial.txt").write_text("1000\n")
        (self.folder / "ca.cnf").write_text(
            "[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\nserial=serial.txt\nnew_certs_dir=.\n"
            "default_md=sha256\npolicy=p\n[p]\norganizationName=optional\ncommonName=supplied\n")
        _openssl("ca", "-batch", "-config", "ca.cnf", "-cert", f"{issuer}.crt", "-keyfile", f"{issuer}.key",
                 "-startdate", "20200101000000Z", "-enddate", "20200201000000Z", "-extfile", f"{name}.ext",
                 "-in", f"{name}.csr", "-notext", "-out", f"{name}.crt", cwd=self.folder)

    def _hashed_folder(self):
        """A folder as `capath=` wants it: the CA under its subject's hash."""
        folder = self.folder / "capath"
        folder.mkdir(exist_ok=True)
        (folder / "ca.crt").write_bytes(self.ca.read_bytes())
        _openssl("rehash", folder, cwd=self.folder)
        return folder
