/* app_password: a password that the server makes, one for each device, shown once.
 *
 * 128 random bits as eight groups of five letters that can be read out on the telephone, consonant
 * and vowel in turn: "dumuf-hodaj-...". It may be typed with any case, with blanks or dashes or
 * none. Nobody can guess it, so one fast hash is enough to keep. */
#ifndef CANDOR_AUTH_APP_PASSWORD_H
#define CANDOR_AUTH_APP_PASSWORD_H

#include "lib/auth/digest.h"

enum {
    APP_PASSWORD_RANDOM_BYTES = 16,
    APP_PASSWORD_LETTERS = 40, /* as it is compared */
    APP_PASSWORD_SHOWN = 47,   /* with the dashes; SCRAM keys are made from this, for a program
                                  sends what it was given */
};

/* Neither is NUL-terminated; wipe both. */
struct app_password {
    char letters[APP_PASSWORD_LETTERS];
};

void app_password_make(const unsigned char bytes[APP_PASSWORD_RANDOM_BYTES],
                       struct app_password *ret);
void app_password_show(const struct app_password *p, char ret[APP_PASSWORD_SHOWN]);
/* False when it cannot be one, whoever's: not so many letters, or others. *ret is then untouched.
 */
bool app_password_read(slice typed, struct app_password *ret) __attribute__((warn_unused_result));
/* What is stored, 32 bytes. False: libcrypto failed. */
bool app_password_digest(const struct app_password *p, struct digest_value *ret)
    __attribute__((warn_unused_result));

#endif
