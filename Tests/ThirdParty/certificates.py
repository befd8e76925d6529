"""An authority that signs certificates, by the program openssl."""

import subprocess

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


class Authority:
    def __init__(self, folder, name):
        self.folder = folder
        self.name = name
        self.file = folder / f"{name}.pem"
        self._run("req", "-x509", *CURVE, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "30",
                  "-subj", f"/CN={name}")

    def issue(self, name, subject="DNS:localhost,IP:127.0.0.1", days=30):
        """A certificate and its key, in files that are replaced; one that has expired when the days are negative."""
        (self.folder / "extensions").write_text(f"subjectAltName={subject}\n")
        self._run("req", *CURVE, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", "/CN=x")
        self._run("x509", "-req", "-in", f"{name}.csr", "-CA", f"{self.name}.pem", "-CAkey", f"{self.name}.key",
                  "-CAcreateserial", "-days", str(days), "-extfile", "extensions", "-out", f"{name}.pem")
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def _run(self, *arguments):
        result = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, text=True)
        if result.returncode != 0:
            raise RuntimeError(f"openssl {' '.join(arguments)}: {result.stderr}")
