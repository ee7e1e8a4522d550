#include "lib/catalogue/reason.h"

enum wire { CODED, BARE };

static const struct reason reasons[REASON_COUNT] = {
#define REASON(name, id_, basic_, enhanced_, wire_, cause_, who_, reply_, example_, title_,        \
               meaning_, when_, fix_, rfc_, related_)                                              \
    [REASON_##name] = {                                                                            \
        .id = (id_),                                                                               \
        .basic = (basic_),                                                                         \
        .enhanced = (enhanced_),                                                                   \
        .is_bare = (wire_) == BARE,                                                                \
        .cause = (cause_),                                                                         \
        .who = WHO_##who_,                                                                         \
        .reply = (reply_),                                                                         \
        .example = (example_),                                                                     \
        .rfc = (rfc_),                                                                             \
        .related = (related_),                                                                     \
    },
#include "lib/catalogue/reasons.def"
#undef REASON
};

const struct reason *reason_of(enum reason_id id)
{
    return &reasons[id];
}

bool reason_find(slice id, enum reason_id *ret)
{
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        if (slice_is_ci(id, reasons[i].id)) {
            *ret = (enum reason_id)i;
            return true;
        }
    }
    return false;
}

enum reply_kind reply_kind_of(unsigned basic)
{
    switch (basic / 100) {
    case 2:
        return KIND_SUCCESS;
    case 3:
        return KIND_INTERMEDIATE;
    case 4:
        return KIND_TEMPORARY;
    case 5:
        return KIND_PERMANENT;
    default:
        return KIND_PSEUDO;
    }
}

const char *reply_kind_name(enum reply_kind kind)
{
    static const char *const names[] = {
        [KIND_SUCCESS] = "success",     [KIND_INTERMEDIATE] = "intermediate",
        [KIND_TEMPORARY] = "temporary", [KIND_PERMANENT] = "permanent",
        [KIND_PSEUDO] = "pseudo",
    };
    return names[kind];
}

const char *who_name(enum who who)
{
    static const char *const names[] = {
        [WHO_NOBODY] = "nobody",
        [WHO_SENDER_USER] = "sender-user",
        [WHO_SENDER_ADMIN] = "sender-admin",
        [WHO_RECIPIENT] = "recipient",
        [WHO_RECIPIENT_ADMIN] = "recipient-admin",
    };
    return names[who];
}
