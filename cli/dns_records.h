/* dns_records: what the owner of a domain publishes, so that mail comes in and is believed. */
#ifndef CANDOR_CLI_DNS_RECORDS_H
#define CANDOR_CLI_DNS_RECORDS_H

#include "lib/base/buf.h"

struct json_t;

/* domain and host in ASCII. */
void dns_records_print(struct buf *out, slice domain, slice host, size_t width);
/* [{"name", "type", "value", "why"}]; NULL: no memory. */
struct json_t *dns_records_json(slice domain, slice host);

#endif
