#!/usr/bin/env python3
"""One device of python-omemo's backends: a JSON request a line in, one answer a line out.

    start    version, sign (of the partner's identity)      the bundle
    encrypt  material, bundle (to begin a session)          kex, data
    decrypt  kex, data                                      material, or error

The session is loaded before each operation and stored after it, as a client would; what fails stores nothing.
"""

import asyncio
import json
import sys

import oldmemo.oldmemo as old
import twomemo.twomemo as two
import x3dh
import xeddsa
from omemo.session import Initiation
from omemo.storage import Just, Nothing, Storage

PARTNER = ("rust@example.org", 2)


class Memory(Storage):
    def __init__(self):
        super().__init__(True)
        self.rows = {}

    async def _load(self, key):
        return Just(self.rows[key]) if key in self.rows else Nothing()

    async def _store(self, key, value):
        self.rows[key] = value

    async def _delete(self, key):
        self.rows.pop(key, None)


class Device:
    async def start(self, version, sign):
        self.old, self.sign = version == "0.3", bool(sign)
        self.crate = old if self.old else two
        self.memory = Memory()
        self.backend = (old.Oldmemo if self.old else two.Twomemo)(self.memory)
        await self.backend.generate_pre_keys(5)
        ours = await self.backend.get_bundle("python@example.org", 1)
        identity, signature = ours.bundle.identity_key, bytearray(ours.bundle.signed_pre_key_sig)
        if self.old:
            signature[63] |= identity[31] & 0x80
            identity = self.public(xeddsa.ed25519_pub_to_curve25519_pub(identity))
        keys = sorted((id, self.public(key).hex()) for key, id in ours.pre_key_ids.items())
        return {
            "identity": identity.hex(), "signed_pre_key_id": ours.signed_pre_key_id,
            "signed_pre_key": self.public(ours.bundle.signed_pre_key).hex(),
            "signature": bytes(signature).hex(), "pre_keys": keys,
        }

    def public(self, key):
        return (b"\x05" if self.old else b"") + key

    def bundle(self, given):
        strip = lambda key: bytes.fromhex(key)[1 if self.old else 0:]
        identity, signature = strip(given["identity"]), bytearray(bytes.fromhex(given["signature"]))
        if self.old:
            identity = xeddsa.curve25519_pub_to_ed25519_pub(identity, bool(signature[63] >> 7))
            signature[63] &= 0x7F
        keys = {strip(key): id for id, key in given["pre_keys"]}
        shared = x3dh.Bundle(identity, strip(given["signed_pre_key"]), bytes(signature), frozenset(keys))
        return self.crate.BundleImpl(*PARTNER, shared, given["signed_pre_key_id"], keys)

    def material(self, key):
        size = self.crate.PlainKeyMaterialImpl.KEY_LENGTH
        return self.crate.PlainKeyMaterialImpl(key[:size], key[size:])

    async def encrypt(self, material, bundle=None):
        key = self.material(bytes.fromhex(material))
        if bundle is not None:
            session, message = await self.backend.build_session_active(*PARTNER, self.bundle(bundle), key)
        else:
            session = await self.backend.load_session(*PARTNER)
            message = await self.backend.encrypt_key_material(session, key)
        data = message.serialize()
        kex = session.initiation is Initiation.ACTIVE and not session.confirmed
        if kex:
            data = session.key_exchange.serialize(data)
            data = data[0] if self.old else data
        await self.backend.store_session(session)
        return {"kex": kex, "data": data.hex()}

    async def decrypt(self, kex, data):
        data, exchange = bytes.fromhex(data), None
        if kex:
            parse = self.crate.KeyExchangeImpl.parse
            exchange, data = parse(data, self.sign) if self.old else parse(data)
        message = self.crate.EncryptedKeyMaterialImpl.parse(data, *PARTNER)
        session = await self.backend.load_session(*PARTNER)
        if session is None:
            session, plain = await self.backend.build_session_passive(*PARTNER, exchange, message)
        else:
            if exchange is not None and not session.key_exchange.builds_same_session(exchange):
                raise ValueError("another session")
            plain = await self.backend.decrypt_key_material(session, message)
        # What is proved by an answer is proved for good.
        if session.initiation is Initiation.ACTIVE:
            session.confirm()
        await self.backend.store_session(session)
        return {"material": (plain.key + plain.auth_tag).hex()}


async def main():
    device = Device()
    for line in sys.stdin:
        request = json.loads(line)
        operation = request.pop("op")
        try:
            answer = await getattr(device, operation)(**request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
