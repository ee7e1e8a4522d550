/* Who signed in and who tried. */
#include <errno.h>

#include "lib/base/ascii.h"
#include "lib/base/utf8.h"
#include "sys/directory/credentials.h"
#include "sys/directory/db_int.h"

#define NOTE_TEXT_MAX_BYTES 255

/* What a client said of itself, fit to be shown: UTF-8 on one line. */
static void add_plain(struct buf *out, slice text)
{
    text = slice_head(text, NOTE_TEXT_MAX_BYTES);
    if (!utf8_is_valid(text)) {
        for (size_t i = 0; i < text.n; i++)
            buf_addc(out, ascii_is_graphic(text.p[i]) ? text.p[i] : '?');
        return;
    }
    for (size_t i = 0; i < text.n; i++)
        buf_addc(out, ascii_is_control(text.p[i]) ? '?' : text.p[i]);
}

static int note_one(sqlite3_stmt *s, int64_t account_id, const struct directory_use *use,
                    slice from, slice client)
{
    db_bind_i64(s, 1, account_id);
    db_bind_i64(s, 2, use->at);
    db_bind_slice(s, 3, from);
    db_bind_slice(s, 4, client);
    db_bind_slice(s, 5, use->mechanism);
    return db_run(s);
}

static int note_use(struct directory_db *db, const struct directory_use *use, slice from,
                    slice client)
{
    int64_t id = 0;
    bool own;
    int err = db_join(db, &own);

    if (err != 0)
        return err;
    if ((err = db_account_id_of(db, use->account, &id)) == 0)
        err = note_one(db->statements[NOTE_USE], id, use, from, client);
    if (err == 0 && use->credential > DIRECTORY_MAIN_PASSWORD && use->credential <= INT64_MAX) {
        db_bind_i64(db->statements[NOTE_APP_USE], 6, (int64_t)use->credential);
        err = note_one(db->statements[NOTE_APP_USE], id, use, from, client);
    }
    return db_leave(db, own, err);
}

int directory_note_use(struct directory_db *db, const struct directory_use *use)
{
    struct buf from, client;
    int err;

    buf_init(&from, 64);
    buf_init(&client, 1024);
    ip_print(&from, &use->ip);
    add_plain(&client, use->client);
    err = from.err != BUF_OK || client.err != BUF_OK
              ? -ENOMEM
              : note_use(db, use, buf_slice(&from), buf_slice(&client));
    buf_release(&from);
    buf_release(&client);
    return err;
}

int directory_note_pair(struct directory_db *db, const struct directory_pair *pair)
{
    sqlite3_stmt *s = db->statements[PAIR_NOTE], *trim = db->statements[PAIR_TRIM];
    struct buf network;
    int64_t id = 0;
    bool own;
    int err = db_join(db, &own);

    if (err != 0)
        return err;
    buf_init(&network, 64);
    ip_net_print(&network, &pair->net);
    err = network.err != BUF_OK ? -ENOMEM : db_account_id_of(db, pair->account, &id);
    if (err == 0) {
        db_bind_i64(s, 1, id);
        db_bind_slice(s, 2, buf_slice(&network));
        db_bind_i64(s, 3, pair->at);
        err = db_run(s);
    }
    if (err == 0) {
        db_bind_i64(trim, 1, id);
        db_bind_i64(trim, 2, DIRECTORY_PAIRS_MAX);
        err = db_run(trim);
    }
    buf_release(&network);
    return db_leave(db, own, err);
}

int directory_each_pair(struct directory_db *db, int64_t since,
                        int (*each)(void *self, const struct directory_pair *), void *self)
{
    sqlite3_stmt *s = db->statements[EACH_PAIR];
    struct buf account;
    int rc, err = 0;

    buf_init(&account, 4096);
    db_bind_i64(s, 1, since);
    while (err == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct directory_pair pair = {.at = sqlite3_column_int64(s, 3)};

        if (ip_net_parse(db_column_slice(s, 2), &pair.net) != IP_OK)
            continue;
        buf_clear(&account);
        recipient_print(&account, db_column_slice(s, 0), db_column_slice(s, 1));
        pair.account = buf_slice(&account);
        err = account.err != BUF_OK ? -ENOMEM : each(self, &pair);
    }
    buf_release(&account);
    return err != 0 ? (db_finish(s, SQLITE_OK), err) : db_finish(s, rc);
}

int directory_note_guess(struct directory_db *db, const struct directory_guess *guess)
{
    sqlite3_stmt *s = db->statements[GUESS_NOTE], *trim = db->statements[GUESS_TRIM];
    struct buf from, name;
    bool own;
    int err;

    if (guess->count == 0 || guess->name.n == 0)
        return 0;
    if ((err = db_join(db, &own)) != 0)
        return err;
    buf_init(&from, 64);
    buf_init(&name, 4096);
    ip_print(&from, &guess->ip);
    add_plain(&name, guess->name);
    if (from.err != BUF_OK || name.err != BUF_OK)
        err = -ENOMEM;
    if (err == 0) {
        db_bind_slice(s, 1, buf_slice(&name));
        db_bind_i64(s, 2, guess->is_known);
        db_bind_i64(s, 3, guess->count > INT32_MAX ? INT32_MAX : (int64_t)guess->count);
        db_bind_i64(s, 4, guess->at);
        db_bind_slice(s, 5, buf_slice(&from));
        err = db_run(s);
    }
    if (err == 0) {
        db_bind_i64(trim, 1, DIRECTORY_GUESSES_MAX);
        err = db_run(trim);
    }
    buf_release(&from);
    buf_release(&name);
    return db_leave(db, own, err);
}

int directory_each_guess(struct directory_db *db, size_t max,
                         int (*each)(void *self, const struct directory_guess *), void *self)
{
    sqlite3_stmt *s = db->statements[EACH_GUESS];
    int rc, err = 0;

    db_bind_i64(s, 1, max > INT64_MAX ? INT64_MAX : (int64_t)max);
    while (err == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct directory_guess guess = {
            .name = db_column_slice(s, 0),
            .is_known = sqlite3_column_int(s, 1) != 0,
            .count = (uint64_t)sqlite3_column_int64(s, 2),
            .at = sqlite3_column_int64(s, 3),
        };
        if (ip_parse(db_column_slice(s, 4), &guess.ip) != IP_OK)
            guess.ip = (struct ip){0};
        err = each(self, &guess);
    }
    return err != 0 ? (db_finish(s, SQLITE_OK), err) : db_finish(s, rc);
}

int directory_note_usage(struct directory_db *db, slice key, slice text, int64_t at)
{
    sqlite3_stmt *s = db->statements[USAGE_NOTE];

    db_bind_blob(s, 1, key);
    db_bind_blob(s, 2, text);
    db_bind_i64(s, 3, at);
    return db_run(s);
}

int directory_forget_usage(struct directory_db *db, int64_t before)
{
    sqlite3_stmt *s = db->statements[USAGE_FORGET];

    db_bind_i64(s, 1, before);
    return db_run(s);
}

int directory_each_usage(struct directory_db *db, int (*each)(void *self, slice key, slice text),
                         void *self)
{
    sqlite3_stmt *s = db->statements[EACH_USAGE];
    int rc, err = 0;

    while (err == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW)
        err = each(self, db_column_slice(s, 0), db_column_slice(s, 1));
    return err != 0 ? (db_finish(s, SQLITE_OK), err) : db_finish(s, rc);
}
