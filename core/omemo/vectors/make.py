#!/usr/bin/env python3
"""Makes the vectors beside it with python-omemo and libomemo-c, the implementations that this crate is checked against.

    python3 -m venv /tmp/omemo-venv
    /tmp/omemo-venv/bin/pip install Oldmemo==2.1.0 Twomemo==2.1.0
    cargo build -p dunnock-omemo --example peer
    cc -O2 -Wno-deprecated-declarations -o /tmp/libomemo_peer tests/peers/libomemo_peer.c \\
        $(pkg-config --cflags --libs libomemo-c libcrypto)
    /tmp/omemo-venv/bin/python core/omemo/vectors/make.py target/debug/examples/peer /tmp/libomemo_peer

`primitives.json` holds what Python alone computes: signatures, key agreement, chains, message keys.
`talks.json` holds talks of either with this crate's own device (`examples/peer.rs`): every message of ours in it was
read by the other side when the file was made, and every message of the other side by us. Randomness comes from a
counter, so our bytes are the same each time; what libraries in C draw for themselves is not.
"""

import asyncio
import hashlib
import json
import os
import pathlib
import subprocess
import sys

if os.environ.get("PYTHONHASHSEED") != "0":
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})

import secrets

import oldmemo.oldmemo as old
import twomemo.twomemo as two
import x3dh
import xeddsa
from doubleratchet.recommended import HashFunction
from doubleratchet.recommended.crypto_provider_impl import CryptoProviderImpl
from omemo.storage import Just, Nothing, Storage
from x3dh.identity_key_pair import IdentityKeyPairSeed

HERE = pathlib.Path(__file__).parent
CRATE = {"0.3": old, "2": two}
counter = 0


def draw(size):
    """Random-looking bytes that are the same in every run."""
    global counter
    out = b""
    while len(out) < size:
        counter += 1
        out += hashlib.sha256(b"dunnock-omemo vectors %d" % counter).digest()
    return out[:size]


secrets.token_bytes = draw
secrets.choice = lambda some: sorted(some)[draw(1)[0] % len(some)]


def seed_with_sign(sign):
    """An Ed25519 seed whose public key has the wanted sign bit."""
    while True:
        seed = draw(32)
        if xeddsa.seed_to_ed25519_pub(seed)[31] >> 7 == sign:
            return seed


# ---- primitives


def signatures():
    for sign in (0, 1):
        for _ in range(3):
            seed, public, salt = seed_with_sign(sign), xeddsa.priv_to_curve25519_pub(draw(32)), draw(64)
            priv = xeddsa.seed_to_priv(seed)
            ed = xeddsa.seed_to_ed25519_pub(seed)
            curve = bytearray(xeddsa.ed25519_priv_sign(priv, b"\x05" + public, salt))
            assert xeddsa.ed25519_verify(bytes(curve), ed, b"\x05" + public)
            curve[63] |= ed[31] & 0x80
            forced = xeddsa.ed25519_priv_sign(xeddsa.priv_force_sign(priv, False), b"\x05" + public, salt)
            plain = xeddsa.ed25519_seed_sign(seed, public)
            assert xeddsa.ed25519_verify(plain, ed, public)
            yield {
                "seed": seed, "sign": sign, "ed25519": ed, "curve25519": xeddsa.priv_to_curve25519_pub(priv),
                "public": public, "salt": salt, "v03": bytes(curve), "v03_sign_forced": forced, "v2": plain,
            }


async def agreements():
    for name, crate in CRATE.items():
        for sign in (0, 1):
            seeds = seed_with_sign(sign), seed_with_sign(1 - sign)
            make = lambda seed: crate.StateImpl.create(
                x3dh.IdentityKeyFormat.ED_25519, x3dh.HashFunction.SHA_256, crate.StateImpl.INFO,
                IdentityKeyPairSeed(seed),
            )
            alice, bob = make(seeds[0]), make(seeds[1])
            bob.generate_pre_keys(1)
            ephemeral = draw(32)
            secrets.token_bytes = lambda size: ephemeral if size == 32 else draw(size)
            shared, associated, header = await alice.get_shared_secret_active(bob.bundle)
            secrets.token_bytes = draw
            assert (shared, associated) == (await bob.get_shared_secret_passive(header))[:2]
            model = bob.model
            yield {
                "version": name, "initiator": seeds[0], "responder": seeds[1], "ephemeral": ephemeral,
                "base_key": header.ephemeral_key, "signed_pre_key": model.signed_pre_key.priv,
                "pre_key": next(iter(model.pre_keys)), "shared": shared, "associated": associated,
            }


async def chains():
    for name, crate in CRATE.items():
        for _ in range(3):
            root, dh, chain = draw(32), draw(32), draw(32)
            stepped = await crate.RootChainKDFImpl.derive(root, dh, 64)
            link = await crate.MessageChainKDFImpl.derive(chain, crate.DoubleRatchetImpl.MESSAGE_CHAIN_CONSTANT, 64)
            sealing = await CryptoProviderImpl.hkdf_derive(
                HashFunction.SHA_256, 80, b"\0" * 32, crate.AEADImpl._get_info(), link[32:]
            )
            yield {
                "version": name, "root": root, "dh": dh, "next_root": stepped[:32], "new_chain": stepped[32:],
                "chain": chain, "next_chain": link[:32], "message_key": link[32:], "sealing": sealing,
            }


# ---- talks


class Memory(Storage):
    def __init__(self, seed):
        super().__init__(True)
        self.rows = {}
        self.seed = seed

    async def _load(self, key):
        return Just(self.rows[key]) if key in self.rows else Nothing()

    async def _store(self, key, value):
        self.rows[key] = value

    async def _delete(self, key):
        self.rows.pop(key, None)


class Python:
    """A device of python-omemo, with what its session manager would add to the backend."""

    can_seal = True

    def __init__(self, version):
        self.version, self.crate = version, CRATE[version]
        self.session = None

    async def start(self, sign):
        storage = Memory(None)
        await storage.store("/ikp/is_seed", True)
        await storage.store_bytes("/ikp/key", seed_with_sign(sign))
        self.backend = (old.Oldmemo if self.version == "0.3" else two.Twomemo)(storage)
        await self.backend.generate_pre_keys(5)

    def public(self, key):
        return (b"\x05" if self.version == "0.3" else b"") + key

    async def bundle(self):
        ours = await self.backend.get_bundle("python@example.org", 1)
        identity, signature = ours.bundle.identity_key, bytearray(ours.bundle.signed_pre_key_sig)
        if self.version == "0.3":
            signature[63] |= identity[31] & 0x80
            identity = self.public(xeddsa.ed25519_pub_to_curve25519_pub(identity))
        ids = sorted((id, self.public(key)) for key, id in ours.pre_key_ids.items())
        return {
            "identity": identity, "signed_pre_key_id": ours.signed_pre_key_id,
            "signed_pre_key": self.public(ours.bundle.signed_pre_key), "signature": bytes(signature),
            "pre_keys": [list(pair) for pair in ids],
        }

    def parse(self, bundle):
        data = {name: value if isinstance(value, (int, list)) else bytes.fromhex(value) for name, value in bundle.items()}
        strip = (lambda key: key[1:]) if self.version == "0.3" else (lambda key: key)
        identity, signature = strip(data["identity"]), bytearray(data["signature"])
        if self.version == "0.3":
            identity = xeddsa.curve25519_pub_to_ed25519_pub(identity, bool(signature[63] >> 7))
            signature[63] &= 0x7F
        keys = {strip(bytes.fromhex(key)): id for id, key in data["pre_keys"]}
        return self.crate.BundleImpl(
            "rust@example.org", 2,
            x3dh.Bundle(identity, strip(data["signed_pre_key"]), bytes(signature), frozenset(keys)),
            data["signed_pre_key_id"], keys,
        )

    def close(self):
        pass

    def material(self, key):
        size = self.crate.PlainKeyMaterialImpl.KEY_LENGTH
        return self.crate.PlainKeyMaterialImpl(key[:size], key[size:])

    async def encrypt(self, key, bundle=None):
        if bundle is not None:
            self.session, message = await self.backend.build_session_active(
                "rust@example.org", 2, self.parse(bundle), self.material(key)
            )
        else:
            message = await self.backend.encrypt_key_material(self.session, self.material(key))
        data = message.serialize()
        from omemo.session import Initiation
        kex = self.session.initiation is Initiation.ACTIVE and not self.session.confirmed
        if kex:
            data = self.session.key_exchange.serialize(data)
            data = data[0] if self.version == "0.3" else data
        return {"kex": kex, "data": data}

    async def decrypt(self, kex, data):
        crate = self.crate
        exchange = None
        if kex and self.version == "0.3":
            sign = bool(self.peer_sign)
            exchange, data = crate.KeyExchangeImpl.parse(data, sign)
        elif kex:
            exchange, data = crate.KeyExchangeImpl.parse(data)
        message = crate.EncryptedKeyMaterialImpl.parse(data, "rust@example.org", 2)
        if exchange is not None and self.session is None:
            self.session, plain = await self.backend.build_session_passive("rust@example.org", 2, exchange, message)
        else:
            if exchange is not None:
                assert self.session.key_exchange.builds_same_session(exchange)
            plain = await self.backend.decrypt_key_material(self.session, message)
        return plain.key + plain.auth_tag

    async def seal(self, clear):
        content, plain = await (self.backend.encrypt_empty() if clear is None else self.backend.encrypt_plaintext(clear))
        iv = content.initialization_vector if self.version == "0.3" else None
        return {"data": None if clear is None else content.ciphertext, "iv": iv, "material": plain.key + plain.auth_tag}

    async def open(self, data, iv, key):
        content = self.crate.ContentImpl(data, iv) if self.version == "0.3" else self.crate.ContentImpl(data)
        return await self.backend.decrypt_plaintext(content, self.material(key))


class Libomemo:
    """A device of libomemo-c, the library of Dino, Profanity and Kaidan."""

    can_seal = False

    def __init__(self, program, version):
        self.process = subprocess.Popen([program, version], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    async def start(self, sign):
        pass

    def ask(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    async def bundle(self):
        bundle = self.ask("bundle")
        bundle["pre_keys"] = [[one["id"], one["key"]] for one in bundle["pre_keys"]]
        return bundle

    async def encrypt(self, key, bundle=None):
        if bundle is not None:
            names = ("identity", "signed_pre_key_id", "signed_pre_key", "signature")
            assert self.ask("begin", *(bundle[name] for name in names), *bundle["pre_keys"][2]) == {}
        answer = self.ask("encrypt", key.hex())
        return {"kex": answer["kex"], "data": bytes.fromhex(answer["data"])}

    async def decrypt(self, kex, data):
        answer = self.ask("decrypt", int(kex), data.hex())
        assert "material" in answer, answer
        return bytes.fromhex(answer["material"])

    def close(self):
        self.process.stdin.close()
        assert self.process.wait() == 0


class Rust:
    """Our own device in a process; remembers what was asked and answered."""

    def __init__(self, program, version, sign):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.version, self.log = version, []
        self.turn_due = True
        salt = 64 if version == "0.3" else 0
        self.bundle = self.ask(op="new", version=version, seed=seed_with_sign(sign), random=draw(32 + salt + 5 * 32))

    def ask(self, **request):
        request = clean(request)
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.log.append([request, answer])
        return answer

    def close(self):
        self.process.stdin.close()
        assert self.process.wait() == 0


def clean(value):
    """The same with bytes as hexadecimal digits."""
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, dict):
        return {key: clean(some) for key, some in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(some) for some in value]
    return value


class Talk:
    def __init__(self, program, version):
        self.program, self.version = program, version
        self.count = 0
        self.seen = set()

    async def run(self, other, rust_first, sign):
        self.other, self.rust = other, Rust(self.program, self.version, sign)
        self.other.peer_sign = sign
        await self.other.start(1 - sign)
        bundle = None if rust_first else self.rust.bundle
        if rust_first:
            self.rust.ask(op="initiate", bundle=await self.other.bundle(), random=draw(8 + 32))
        # Both sides several times, some messages late, some never.
        await self.from_rust(3, [0, 1, 2]) if rust_first else await self.from_other(3, [0, 1, 2], bundle)
        held_other = await self.from_other(5, [0, 4, 2])
        held_rust = await self.from_rust(6, [3, 0, 5])
        # Its last one comes after the next chain began. libomemo-c announces one message less than it sent.
        held_last = await self.from_other(3, [1, 0])
        await self.to_rust(held_other[1])
        await self.from_rust(1, [0])
        await self.to_other(held_rust[4])
        await self.from_other(60, [0, 55, 59])
        await self.to_rust(held_last[2])
        await self.to_rust(held_other[3])
        await self.from_rust(2, [0, 1])
        if other.can_seal:
            await self.payloads()
        self.rust.close()
        self.other.close()
        return {"with": type(other).__name__.lower(), "version": self.version, "rust_first": rust_first, "sign": sign, "steps": self.rust.log}

    def key(self):
        self.count += 1
        sizes = {"0.3": [32, 16], "2": [48, 32]}[self.version]
        return draw(sizes[self.count % 4 == 0])

    async def from_other(self, count, order, bundle=None):
        sent = []
        for index in range(count):
            key = self.key()
            sent.append((key, await self.other.encrypt(key, bundle if index == 0 else None)))
        for index in order:
            await self.to_rust(sent[index])
        return sent

    async def to_rust(self, sent):
        key, message = sent
        answer = self.rust.ask(op="decrypt", **message)
        assert answer.get("material") == key.hex(), answer
        self.rust.turn_due |= self.turned(message)
        again = self.rust.ask(op="decrypt", **message)
        assert again == {"error": "AlreadyRead"}, again

    def turned(self, message):
        """Whether this message showed us a ratchet key that we had not seen."""
        data, crate = message["data"], CRATE[self.version]
        if self.version == "0.3":
            data = crate.OMEMOKeyExchange.FromString(data[1:]).message if message["kex"] else data
            key = crate.OMEMOMessage.FromString(data[1:-8]).dh_pub
        else:
            if message["kex"]:
                outer = crate.OMEMOKeyExchange.FromString(data).message
            else:
                outer = crate.OMEMOAuthenticatedMessage.FromString(data)
            key = crate.OMEMOMessage.FromString(outer.message).dh_pub
        new = key not in self.seen
        self.seen.add(key)
        return new

    async def from_rust(self, count, order):
        sent = []
        for _ in range(count):
            key = self.key()
            answer = self.rust.ask(op="encrypt", material=key, random=draw(32) if self.rust.turn_due else b"")
            self.rust.turn_due = False
            sent.append((key, answer))
        for index in order:
            await self.to_other(sent[index])
        return sent

    async def to_other(self, sent):
        key, message = sent
        assert await self.other.decrypt(message["kex"], bytes.fromhex(message["data"])) == key

    async def payloads(self):
        for clear in [b"", b"x", b"Art thou not Romeo, and a Montague?", bytes(range(256))]:
            # python-omemo takes an empty 0.3 payload for an empty message.
            python_can = clear or self.version == "2"
            if python_can:
                theirs = await self.other.seal(clear)
                answer = self.rust.ask(op="open", **theirs)
                assert answer == {"clear": clear.hex()}, answer
            random = draw(16 + 12 if self.version == "0.3" else 32)
            ours = self.rust.ask(op="seal", clear=clear, random=random)
            data, iv, key = (bytes.fromhex(ours[name] or "") for name in ("data", "iv", "material"))
            assert not python_can or await self.other.open(data, iv, key) == clear
        if self.version == "0.3":
            # The longer IV of early clients.
            from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
            key, iv = draw(16), draw(16)
            sealer = Cipher(algorithms.AES(key), modes.GCM(iv)).encryptor()
            data = sealer.update(b"sixteen") + sealer.finalize()
            answer = self.rust.ask(op="open", data=data, iv=iv, material=key + sealer.tag)
            assert answer == {"clear": b"sixteen".hex()}, answer
        self.rust.ask(op="seal", random=draw(28 if self.version == "0.3" else 0))


async def main(program, libomemo):
    primitives = {
        "signatures": list(signatures()),
        "agreements": [one async for one in agreements()],
        "chains": [one async for one in chains()],
    }
    (HERE / "primitives.json").write_text(json.dumps(clean(primitives), indent=1) + "\n")
    talks = []
    for version in CRATE:
        for rust_first in (True, False):
            for other in (Python(version), Libomemo(libomemo, version)):
                talks.append(await Talk(program, version).run(other, rust_first, sign=int(rust_first)))
    lines = []
    for talk in talks:
        steps = ",\n".join("  " + json.dumps(step) for step in talk.pop("steps"))
        lines.append(json.dumps(talk)[:-1] + ', "steps": [\n' + steps + "\n]}")
    (HERE / "talks.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


if len(sys.argv) != 3:
    sys.exit(__doc__)
asyncio.run(main(*sys.argv[1:]))
