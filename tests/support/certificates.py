"""Self-signed certificates for 127.0.0.1, made as a test needs them."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


def write_pair(folder: Path, name: str, *, password: bytes | None = None) -> tuple[Path, Path]:
    """Write a certificate of that name and its key into the folder, in one step each; return their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    how = BestAvailableEncryption(password) if password else NoEncryption()
    written = (
        (folder / "cert.pem", certificate.public_bytes(Encoding.PEM)),
        (folder / "key.pem", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)),
    )
    for path, data in written:
        fresh = path.with_suffix(".new")
        fresh.write_bytes(data)
        fresh.replace(path)
    return written[0][0], written[1][0]


def trusting(*certificates: bytes) -> ssl.SSLContext:
    """Return a client's context that trusts these certificates alone, as PEM."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata="".join(each.decode() for each in certificates))
    return context
