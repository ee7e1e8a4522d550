/* What MAIL and RCPT say to a line that the grammar does not allow. */
#include "lib/session/session_int.h"

enum reason_id path_reason(enum path_err err, enum reason_id no_path, enum reason_id bad_address)
{
    switch (err) {
    case PATH_OK:
        return REASON_NONE;
    case PATH_EMPTY:
    case PATH_NO_BRACKETS:
    case PATH_UNCLOSED:
    case PATH_NULL:
        return no_path;
    case PATH_BAD_ROUTE:
    case PATH_BAD_LOCAL:
    case PATH_NO_DOMAIN:
    case PATH_BAD_DOMAIN:
    case PATH_BAD_LITERAL:
    case PATH_LOCAL_TOO_LONG:
    case PATH_DOMAIN_TOO_LONG:
    case PATH_TOO_LONG:
    case PATH_BAD_UTF8:
        return bad_address;
    case PATH_NEEDS_SMTPUTF8:
        return REASON_SMTPUTF8_NEEDED;
    }
    return no_path;
}

enum reason_id param_reason(enum param_err err, enum reason_id unknown)
{
    switch (err) {
    case PARAM_OK:
    case PARAM_END:
        return REASON_NONE;
    case PARAM_UNKNOWN:
        return unknown;
    case PARAM_DUPLICATE:
    case PARAM_CONFLICT:
        return REASON_PARAMETER_REPEATED;
    case PARAM_BAD_SYNTAX:
    case PARAM_MISSING_VALUE:
    case PARAM_BAD_VALUE:
        return REASON_PARAMETER_VALUE_BAD;
    }
    return REASON_PARAMETER_VALUE_BAD;
}

slice path_inside(slice args)
{
    if (args.n > 0 && args.p[0] == '<')
        args = slice_tail(args, 1);
    return slice_head(args, slice_find(args, '>'));
}
