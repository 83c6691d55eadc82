/*
 * A device of libomemo-c with its rows in memory: what `libomemo_rate.c` measures and `libomemo_peer.c` lets talk.
 * Cryptography that the library leaves to its user comes from OpenSSL.
 */
#ifndef LIBOMEMO_DEVICE_H
#define LIBOMEMO_DEVICE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <curve.h>
#include <key_helper.h>
#include <protocol.h>
#include <ratchet.h>
#include <session_builder.h>
#include <session_cipher.h>
#include <session_pre_key.h>
#include <signal_protocol.h>

#define MUST(call) \
    do { \
        int result_ = (call); \
        if (result_ < 0) { \
            fprintf(stderr, "%s:%d: %s answered %d\n", __FILE__, __LINE__, #call, result_); \
            exit(1); \
        } \
    } while (0)

#define PRE_KEYS 100

/* ---- cryptography for the library */

/* Looked up once by the program, or else at each use. */
static const EVP_MD *sha256, *sha512;
static const EVP_CIPHER *aes256;

static int draw(uint8_t *data, size_t size, void *user) {
    (void)user;
    return RAND_bytes(data, (int)size) == 1 ? 0 : SG_ERR_UNKNOWN;
}

static int hmac_init(void **context, const uint8_t *key, size_t size, void *user) {
    (void)user;
    HMAC_CTX *hmac = HMAC_CTX_new();
    *context = hmac;
    return hmac && HMAC_Init_ex(hmac, key, (int)size, sha256 ? sha256 : EVP_sha256(), NULL) == 1 ? 0 : SG_ERR_UNKNOWN;
}

static int hmac_update(void *context, const uint8_t *data, size_t size, void *user) {
    (void)user;
    return HMAC_Update(context, data, size) == 1 ? 0 : SG_ERR_UNKNOWN;
}

static int hmac_final(void *context, signal_buffer **output, void *user) {
    uint8_t tag[32];
    unsigned int size = sizeof tag;
    (void)user;
    if (HMAC_Final(context, tag, &size) != 1) return SG_ERR_UNKNOWN;
    *output = signal_buffer_create(tag, size);
    return *output ? 0 : SG_ERR_NOMEM;
}

static void hmac_cleanup(void *context, void *user) {
    (void)user;
    HMAC_CTX_free(context);
}

static int digest_init(void **context, void *user) {
    (void)user;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    *context = digest;
    return digest && EVP_DigestInit_ex(digest, sha512 ? sha512 : EVP_sha512(), NULL) == 1 ? 0 : SG_ERR_UNKNOWN;
}

static int digest_update(void *context, const uint8_t *data, size_t size, void *user) {
    (void)user;
    return EVP_DigestUpdate(context, data, size) == 1 ? 0 : SG_ERR_UNKNOWN;
}

static int digest_final(void *context, signal_buffer **output, void *user) {
    uint8_t hash[64];
    (void)user;
    if (EVP_DigestFinal_ex(context, hash, NULL) != 1) return SG_ERR_UNKNOWN;
    *output = signal_buffer_create(hash, sizeof hash);
    return *output && EVP_DigestInit_ex(context, sha512 ? sha512 : EVP_sha512(), NULL) == 1 ? 0 : SG_ERR_NOMEM;
}

static void digest_cleanup(void *context, void *user) {
    (void)user;
    EVP_MD_CTX_free(context);
}

static int aes(signal_buffer **output, int mode, const uint8_t *key, size_t key_size, const uint8_t *iv,
               const uint8_t *input, size_t size, int encrypt) {
    if (mode != SG_CIPHER_AES_CBC_PKCS5 || key_size != 32) return SG_ERR_UNKNOWN;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t *out = malloc(size + 16);
    int first = 0, last = 0, failed = SG_ERR_UNKNOWN;
    if (context && out && EVP_CipherInit_ex(context, aes256 ? aes256 : EVP_aes_256_cbc(), NULL, key, iv, encrypt) == 1 &&
        EVP_CipherUpdate(context, out, &first, input, (int)size) == 1 &&
        EVP_CipherFinal_ex(context, out + first, &last) == 1) {
        *output = signal_buffer_create(out, (size_t)(first + last));
        failed = *output ? 0 : SG_ERR_NOMEM;
    }
    free(out);
    EVP_CIPHER_CTX_free(context);
    return failed;
}

static int aes_encrypt(signal_buffer **output, int mode, const uint8_t *key, size_t key_size, const uint8_t *iv,
                       size_t iv_size, const uint8_t *input, size_t size, void *user) {
    (void)iv_size;
    (void)user;
    return aes(output, mode, key, key_size, iv, input, size, 1);
}

static int aes_decrypt(signal_buffer **output, int mode, const uint8_t *key, size_t key_size, const uint8_t *iv,
                       size_t iv_size, const uint8_t *input, size_t size, void *user) {
    (void)iv_size;
    (void)user;
    return aes(output, mode, key, key_size, iv, input, size, 0);
}

/* ---- one device, its rows in memory */

struct device {
    signal_protocol_store_context *store;
    ratchet_identity_key_pair *identity;
    session_signed_pre_key *signed_pre_key;
    signal_buffer *signed_row, *pre_key_rows[PRE_KEYS + 1], *session;
    session_pre_key *pre_keys[PRE_KEYS + 1];
};

static int load_session(signal_buffer **row, signal_buffer **extra, const signal_protocol_address *from, void *user) {
    struct device *device = user;
    (void)extra;
    (void)from;
    if (!device->session) return 0;
    *row = signal_buffer_copy(device->session);
    return 1;
}

static int store_session(const signal_protocol_address *from, uint8_t *row, size_t size, uint8_t *extra,
                         size_t extra_size, void *user) {
    struct device *device = user;
    (void)from;
    (void)extra;
    (void)extra_size;
    signal_buffer_free(device->session);
    device->session = signal_buffer_create(row, size);
    return 0;
}

static int contains_session(const signal_protocol_address *from, void *user) {
    (void)from;
    return ((struct device *)user)->session != NULL;
}

static int load_pre_key(signal_buffer **row, uint32_t id, void *user) {
    struct device *device = user;
    if (id < 1 || id > PRE_KEYS) return SG_ERR_INVALID_KEY_ID;
    *row = signal_buffer_copy(device->pre_key_rows[id]);
    return SG_SUCCESS;
}

/* A pre-key is not deleted, so that one key exchange can be read again and again. */
static int keep_pre_key(uint32_t id, void *user) {
    (void)id;
    (void)user;
    return 0;
}

static int contains_pre_key(uint32_t id, void *user) {
    (void)user;
    return id >= 1 && id <= PRE_KEYS;
}

static int load_signed(signal_buffer **row, uint32_t id, void *user) {
    (void)id;
    *row = signal_buffer_copy(((struct device *)user)->signed_row);
    return SG_SUCCESS;
}

static int contains_signed(uint32_t id, void *user) {
    (void)user;
    return id == 1;
}

static int own_identity(signal_buffer **public_key, signal_buffer **private_key, void *user) {
    struct device *device = user;
    MUST(ec_public_key_serialize(public_key, ratchet_identity_key_pair_get_public(device->identity)));
    MUST(ec_private_key_serialize(private_key, ratchet_identity_key_pair_get_private(device->identity)));
    return 0;
}

static int registration(void *user, uint32_t *id) {
    (void)user;
    *id = 1;
    return 0;
}

static int save_identity(const signal_protocol_address *of, uint8_t *key, size_t size, void *user) {
    (void)of;
    (void)key;
    (void)size;
    (void)user;
    return 0;
}

static int trusts(const signal_protocol_address *of, uint8_t *key, size_t size, void *user) {
    save_identity(of, key, size, user);
    return 1;
}

static signal_context *context;
static uint32_t version;

static void start_library(void) {
    signal_crypto_provider provider = {.random_func = draw,
                                       .hmac_sha256_init_func = hmac_init,
                                       .hmac_sha256_update_func = hmac_update,
                                       .hmac_sha256_final_func = hmac_final,
                                       .hmac_sha256_cleanup_func = hmac_cleanup,
                                       .sha512_digest_init_func = digest_init,
                                       .sha512_digest_update_func = digest_update,
                                       .sha512_digest_final_func = digest_final,
                                       .sha512_digest_cleanup_func = digest_cleanup,
                                       .encrypt_func = aes_encrypt,
                                       .decrypt_func = aes_decrypt};
    MUST(signal_context_create(&context, NULL));
    MUST(signal_context_set_crypto_provider(context, &provider));
}

static void start(struct device *device) {
    memset(device, 0, sizeof *device);
    signal_protocol_session_store sessions = {.load_session_func = load_session,
                                              .store_session_func = store_session,
                                              .contains_session_func = contains_session,
                                              .user_data = device};
    signal_protocol_pre_key_store pre_keys = {.load_pre_key = load_pre_key,
                                              .remove_pre_key = keep_pre_key,
                                              .contains_pre_key = contains_pre_key,
                                              .user_data = device};
    signal_protocol_signed_pre_key_store signed_keys = {.load_signed_pre_key = load_signed,
                                                        .contains_signed_pre_key = contains_signed,
                                                        .user_data = device};
    signal_protocol_identity_key_store identities = {.get_identity_key_pair = own_identity,
                                                     .get_local_registration_id = registration,
                                                     .save_identity = save_identity,
                                                     .is_trusted_identity = trusts,
                                                     .user_data = device};
    MUST(signal_protocol_store_context_create(&device->store, context));
    MUST(signal_protocol_store_context_set_session_store(device->store, &sessions));
    MUST(signal_protocol_store_context_set_pre_key_store(device->store, &pre_keys));
    MUST(signal_protocol_store_context_set_signed_pre_key_store(device->store, &signed_keys));
    MUST(signal_protocol_store_context_set_identity_key_store(device->store, &identities));
    MUST(signal_protocol_key_helper_generate_identity_key_pair(&device->identity, context));
    MUST(signal_protocol_key_helper_generate_signed_pre_key(&device->signed_pre_key, device->identity, 1, 1, context));
    MUST(session_signed_pre_key_serialize(&device->signed_row, device->signed_pre_key));
    for (uint32_t id = 1; id <= PRE_KEYS; id++) {
        ec_key_pair *pair = NULL;
        MUST(curve_generate_key_pair(context, &pair));
        MUST(session_pre_key_create(&device->pre_keys[id], id, pair));
        MUST(session_pre_key_serialize(&device->pre_key_rows[id], device->pre_keys[id]));
        SIGNAL_UNREF(pair);
    }
}

static const signal_protocol_address other = {"other@example.org", 17, 1};

/* Verifies the parts of a bundle and begins a session. */
static int begin_with(struct device *from, ec_public_key *identity, uint32_t signed_id, ec_public_key *signed_key,
                      const uint8_t *signature, size_t signature_size, uint32_t id, ec_public_key *pre_key) {
    session_pre_key_bundle *bundle = NULL;
    session_builder *builder = NULL;
    MUST(session_pre_key_bundle_create(&bundle, 1, 1, id, pre_key, signed_id, signed_key, signature, signature_size,
                                       identity));
    MUST(session_builder_create(&builder, from->store, &other, context));
    session_builder_set_version(builder, version);
    int result = session_builder_process_pre_key_bundle(builder, bundle);
    session_builder_free(builder);
    SIGNAL_UNREF(bundle);
    return result;
}

static const uint8_t *signature_of(const struct device *device, size_t *size) {
    const session_signed_pre_key *key = device->signed_pre_key;
    *size = version == 4 ? session_signed_pre_key_get_signature_omemo_len(key)
                         : session_signed_pre_key_get_signature_len(key);
    return version == 4 ? session_signed_pre_key_get_signature_omemo(key) : session_signed_pre_key_get_signature(key);
}

static int encrypt_bytes(struct device *from, const uint8_t *clear, size_t size, int *key_exchange,
                         signal_buffer **data) {
    session_cipher *cipher = NULL;
    ciphertext_message *message = NULL;
    MUST(session_cipher_create(&cipher, from->store, &other, context));
    session_cipher_set_version(cipher, version);
    int result = session_cipher_encrypt(cipher, clear, size, &message);
    if (result >= 0) {
        *key_exchange = ciphertext_message_get_type(message) == CIPHERTEXT_PREKEY_TYPE;
        *data = signal_buffer_copy(ciphertext_message_get_serialized(message));
    }
    SIGNAL_UNREF(message);
    session_cipher_free(cipher);
    return result;
}

static int decrypt_bytes(struct device *to, const uint8_t *data, size_t size, int key_exchange, signal_buffer **clear) {
    session_cipher *cipher = NULL;
    int result;
    MUST(session_cipher_create(&cipher, to->store, &other, context));
    session_cipher_set_version(cipher, version);
    if (key_exchange) {
        pre_key_signal_message *message = NULL;
        result = version == 4 ? pre_key_signal_message_deserialize_omemo(&message, data, size, 1, context)
                              : pre_key_signal_message_deserialize(&message, data, size, context);
        if (result >= 0) result = session_cipher_decrypt_pre_key_signal_message(cipher, message, NULL, clear);
        SIGNAL_UNREF(message);
    } else {
        signal_message *message = NULL;
        result = version == 4 ? signal_message_deserialize_omemo(&message, data, size, context)
                              : signal_message_deserialize(&message, data, size, context);
        if (result >= 0) result = session_cipher_decrypt_signal_message(cipher, message, NULL, clear);
        SIGNAL_UNREF(message);
    }
    session_cipher_free(cipher);
    return result;
}

#endif
