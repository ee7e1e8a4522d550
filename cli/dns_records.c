#include "cli/dns_records.h"

#include <jansson.h>

#include "cli/manual.h"

/* In name and value %h is the server's name, %d the domain. */
static const struct {
    const char *name;
    const char *type;
    const char *value;
    const char *why;
} records[] = {
    {"%h.", "A", "(this server's public IPv4 address)",
     "The name leads to the machine. Ask who runs your network to let the address lead back to the "
     "name (PTR): many servers take no mail from an address that does not."},
    {"%h.", "AAAA", "(its IPv6 address; leave the record out if it has none)",
     "The same for IPv6, with a PTR as well."},
    {"%d.", "MX", "10 %h.", "Other servers look here for where mail to the domain goes."},
    {"_submissions._tcp.%d.", "SRV", "0 1 465 %h.",
     "People's mail programs find the port where they sign in to send (TLS from the first byte)."},
    {"_submission._tcp.%d.", "SRV", "1 1 587 %h.",
     "The same for programs that know STARTTLS only."},
    {"%d.", "TXT", "\"v=spf1 mx -all\"",
     "SPF: mail from the domain comes from its MX hosts and from nowhere else. Name other senders, "
     "if there are any, before -all."},
    {"_dmarc.%d.", "TXT", "\"v=DMARC1; p=none; rua=mailto:postmaster@%d\"",
     "DMARC: others report to you who sends in the domain's name. When the reports show only you, "
     "change p=none to p=reject."},
};

enum { RECORDS = sizeof(records) / sizeof(records[0]) };

static void expand(struct buf *out, const char *pattern, slice domain, slice host)
{
    for (const char *p = pattern; *p != '\0'; p++) {
        if (p[0] == '%' && (p[1] == 'h' || p[1] == 'd'))
            buf_add(out, *++p == 'h' ? host : domain);
        else
            buf_addc(out, *p);
    }
}

void dns_records_print(struct buf *out, slice domain, slice host, size_t width)
{
    for (size_t i = 0; i < RECORDS; i++) {
        buf_adds(out, "  ");
        expand(out, records[i].name, domain, host);
        buf_addf(out, "  %s  ", records[i].type);
        expand(out, records[i].value, domain, host);
        buf_addc(out, '\n');
        manual_add_wrapped(out, slice_cstr(records[i].why), 6, width);
    }
}

static json_t *expanded(const char *pattern, slice domain, slice host)
{
    struct buf out;
    buf_init(&out, 4096);
    expand(&out, pattern, domain, host);
    json_t *text = json_stringn(out.p, out.n);
    buf_release(&out);
    return text;
}

json_t *dns_records_json(slice domain, slice host)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < RECORDS; i++)
        json_array_append_new(list, json_pack("{s:o,s:s,s:o,s:s}", "name",
                                              expanded(records[i].name, domain, host), "type",
                                              records[i].type, "value",
                                              expanded(records[i].value, domain, host), "why",
                                              records[i].why));
    return list;
}
