/*
 * How many ratchet and key-agreement operations libomemo-c does in a second of CPU time, as JSON: the peer of
 * `core/omemo/examples/rate.rs`, doing the same with the same sizes. Both load their state from bytes before every
 * operation and write it to bytes after it, which is how this library's own store interface works.
 *
 *     apt-get install libomemo-c-dev libssl-dev
 *     cc -O2 -Wno-deprecated-declarations -o libomemo_rate libomemo_rate.c \
 *         $(pkg-config --cflags --libs libomemo-c libcrypto)
 *     ./libomemo_rate [SECONDS OF EACH MEASUREMENT] [fetched]
 *
 * OpenSSL's algorithms are named at each use (`EVP_sha256()`), as programs commonly do. Since OpenSSL 3 that costs a
 * look-up each time; with `fetched` they are looked up once, the best that a user of the library can do.
 */
#include <time.h>

#include "libomemo_device.h"

#define MESSAGES 20000

static size_t material_size(void) {
    return version == 4 ? 48 : 32;
}

static void begin(struct device *from, struct device *to) {
    uint32_t id = 1 + (uint32_t)rand() % PRE_KEYS;
    size_t size;
    const uint8_t *signature = signature_of(to, &size);
    MUST(begin_with(from, ratchet_identity_key_pair_get_public(to->identity), 1,
                    ec_key_pair_get_public(session_signed_pre_key_get_key_pair(to->signed_pre_key)), signature, size, id,
                    ec_key_pair_get_public(session_pre_key_get_key_pair(to->pre_keys[id]))));
}

static signal_buffer *encrypt(struct device *from) {
    static const uint8_t material[48] = {7};
    signal_buffer *data = NULL;
    int key_exchange;
    MUST(encrypt_bytes(from, material, material_size(), &key_exchange, &data));
    return data;
}

static void decrypt(struct device *to, signal_buffer *data, int key_exchange) {
    signal_buffer *clear = NULL;
    MUST(decrypt_bytes(to, signal_buffer_const_data(data), signal_buffer_len(data), key_exchange, &clear));
    if (signal_buffer_len(clear) != material_size()) abort();
    signal_buffer_bzero_free(clear);
}

static void set_session(struct device *device, signal_buffer *session) {
    signal_buffer_free(device->session);
    device->session = session ? signal_buffer_copy(session) : NULL;
}

/* ---- measuring */

static double cpu_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double wanted;
static struct device juliet, romeo;
static signal_buffer *sent[MESSAGES];

#define RATE(result, prepare, count, run) \
    do { \
        double spent_ = 0, done_ = 0; \
        while (spent_ < wanted) { \
            prepare; \
            double before_ = cpu_time(); \
            run; \
            spent_ += cpu_time() - before_; \
            done_ += (count); \
        } \
        (result) = done_ / spent_; \
    } while (0)

static void measure(const char *name) {
    double encrypts, decrypts, turns, active, passive;
    start(&juliet);
    start(&romeo);
    begin(&juliet, &romeo);
    signal_buffer *hello = encrypt(&juliet);
    decrypt(&romeo, hello, 1);
    signal_buffer *answer = encrypt(&romeo);
    decrypt(&juliet, answer, 0);
    signal_buffer *from = signal_buffer_copy(juliet.session), *to = signal_buffer_copy(romeo.session);

    RATE(encrypts, set_session(&juliet, from), MESSAGES, for (int i = 0; i < MESSAGES; i++) signal_buffer_free(encrypt(&juliet)));
    set_session(&juliet, from);
    for (int i = 0; i < MESSAGES; i++) sent[i] = encrypt(&juliet);
    RATE(decrypts, set_session(&romeo, to), MESSAGES, for (int i = 0; i < MESSAGES; i++) decrypt(&romeo, sent[i], 0));
    for (int i = 0; i < MESSAGES; i++) signal_buffer_free(sent[i]);

    RATE(turns, { set_session(&juliet, from); set_session(&romeo, to); }, 500, for (int i = 0; i < 250; i++) {
        signal_buffer *one = encrypt(&juliet);
        decrypt(&romeo, one, 0);
        signal_buffer *two = encrypt(&romeo);
        decrypt(&juliet, two, 0);
        signal_buffer_free(one);
        signal_buffer_free(two);
    });
    RATE(active, (void)0, 200, for (int i = 0; i < 200; i++) {
        set_session(&juliet, NULL);
        begin(&juliet, &romeo);
        signal_buffer_free(encrypt(&juliet));
    });
    for (int i = 0; i < 200; i++) {
        set_session(&juliet, NULL);
        begin(&juliet, &romeo);
        sent[i] = encrypt(&juliet);
    }
    RATE(passive, (void)0, 200, for (int i = 0; i < 200; i++) {
        set_session(&romeo, NULL);
        decrypt(&romeo, sent[i], 1);
    });
    printf("\"%s\":{\"decrypt\":%.0f,\"encrypt\":%.0f,\"turn\":%.0f,\"x3dh_active\":%.0f,\"x3dh_passive\":%.0f}", name,
           decrypts, encrypts, turns, active, passive);
}

int main(int argc, char **argv) {
    wanted = argc > 1 ? atof(argv[1]) : 1.0;
    if (argc > 2 && !strcmp(argv[2], "fetched")) {
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
        sha512 = EVP_MD_fetch(NULL, "SHA512", NULL);
        aes256 = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    }
    start_library();
    printf("{");
    version = 3;
    measure("0.3");
    printf(",");
    version = 4;
    measure("2");
    printf("}\n");
    return 0;
}
