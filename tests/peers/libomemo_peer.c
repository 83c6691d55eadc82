/*
 * A device of libomemo-c to talk with, one request a line in, one JSON answer a line out; `core/omemo/vectors/make.py`
 * lets it talk with our own crate. All bytes are hexadecimal.
 *
 *     cc -O2 -Wno-deprecated-declarations -o libomemo_peer libomemo_peer.c \
 *         $(pkg-config --cflags --libs libomemo-c libcrypto)
 *     ./libomemo_peer 0.3|2
 *
 *     bundle
 *     begin IDENTITY SIGNED_ID SIGNED_KEY SIGNATURE ID KEY
 *     encrypt BYTES
 *     decrypt 0|1 BYTES
 */
#include "libomemo_device.h"

#define MOST 4096

static size_t from_hex(const char *digits, uint8_t *out) {
    size_t size = strlen(digits) / 2;
    if (size > MOST) abort();
    for (size_t i = 0; i < size; i++) {
        unsigned int byte;
        if (sscanf(digits + 2 * i, "%2x", &byte) != 1) abort();
        out[i] = (uint8_t)byte;
    }
    return size;
}

static void print_hex(const char *name, const uint8_t *bytes, size_t size) {
    printf("\"%s\":\"", name);
    for (size_t i = 0; i < size; i++) printf("%02x", bytes[i]);
    printf("\"");
}

static void print_key(const char *name, const ec_public_key *key, int identity) {
    signal_buffer *bytes = NULL;
    if (version == 3)
        MUST(ec_public_key_serialize(&bytes, key));
    else
        bytes = identity ? ec_public_key_get_ed(key) : ec_public_key_get_mont(key);
    print_hex(name, signal_buffer_const_data(bytes), signal_buffer_len(bytes));
    signal_buffer_free(bytes);
}

static ec_public_key *read_key(const char *digits, int identity) {
    uint8_t bytes[MOST];
    size_t size = from_hex(digits, bytes);
    ec_public_key *key = NULL;
    if (version == 3)
        MUST(curve_decode_point(&key, bytes, size, context));
    else if (identity)
        MUST(curve_decode_point_ed(&key, bytes, size, context));
    else
        MUST(curve_decode_point_mont(&key, bytes, size, context));
    return key;
}

static void print_bundle(const struct device *device) {
    size_t size;
    const uint8_t *signature = signature_of(device, &size);
    printf("{");
    print_key("identity", ratchet_identity_key_pair_get_public(device->identity), 1);
    printf(",\"signed_pre_key_id\":1,");
    print_key("signed_pre_key", ec_key_pair_get_public(session_signed_pre_key_get_key_pair(device->signed_pre_key)), 0);
    printf(",");
    print_hex("signature", signature, size);
    printf(",\"pre_keys\":[");
    for (uint32_t id = 1; id <= 5; id++) {
        printf("%s{\"id\":%u,", id > 1 ? "," : "", id);
        print_key("key", ec_key_pair_get_public(session_pre_key_get_key_pair(device->pre_keys[id])), 0);
        printf("}");
    }
    printf("]}\n");
}

static void answer(struct device *device, char *line) {
    char *words[8] = {NULL};
    uint8_t bytes[MOST];
    int count = 0, result = -1, key_exchange = 0;
    signal_buffer *out = NULL;
    for (char *word = strtok(line, " \n"); word && count < 8; word = strtok(NULL, " \n")) words[count++] = word;
    if (count == 1 && !strcmp(words[0], "bundle")) {
        print_bundle(device);
        return;
    } else if (count == 7 && !strcmp(words[0], "begin")) {
        size_t size = from_hex(words[4], bytes);
        result = begin_with(device, read_key(words[1], 1), (uint32_t)atoi(words[2]), read_key(words[3], 0), bytes, size,
                            (uint32_t)atoi(words[5]), read_key(words[6], 0));
        if (result >= 0) printf("{}\n");
    } else if (count == 2 && !strcmp(words[0], "encrypt")) {
        result = encrypt_bytes(device, bytes, from_hex(words[1], bytes), &key_exchange, &out);
        if (result >= 0) {
            printf("{\"kex\":%s,", key_exchange ? "true" : "false");
            print_hex("data", signal_buffer_const_data(out), signal_buffer_len(out));
            printf("}\n");
        }
    } else if (count == 3 && !strcmp(words[0], "decrypt")) {
        result = decrypt_bytes(device, bytes, from_hex(words[2], bytes), words[1][0] == '1', &out);
        if (result >= 0) {
            printf("{");
            print_hex("material", signal_buffer_const_data(out), signal_buffer_len(out));
            printf("}\n");
        }
    }
    if (result < 0) printf("{\"error\":%d}\n", result);
    signal_buffer_free(out);
}

int main(int argc, char **argv) {
    static struct device device;
    static char line[4 * MOST];
    if (argc != 2) return 2;
    version = strcmp(argv[1], "2") ? 3 : 4;
    start_library();
    start(&device);
    while (fgets(line, sizeof line, stdin)) {
        answer(&device, line);
        fflush(stdout);
    }
    return 0;
}
