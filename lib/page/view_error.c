/* The page that says why there is none. */
#include <jansson.h>

#include "lib/page/html.h"
#include "lib/page/json.h"
#include "lib/page/view.h"

void view_error(struct view *v, unsigned status, enum ui_id title, enum ui_id text)
{
    slice name = slice_cstr(ui_text(v->lang, title));
    v->status = status;
    if (v->is_json) {
        if (!json_print(v->out,
                        json_pack("{s:s%, s:i}", "error", name.p, name.n, "status", (int)status)))
            buf_adds(v->out, "{}\n");
        return;
    }
    frame_begin(v, name, (slice){0});
    buf_adds(v->out, "<h1>");
    html_text(v->out, name);
    buf_adds(v->out, "</h1>\n<p>");
    frame_ui(v, text);
    buf_adds(v->out, "</p>\n");
    part_search_form(v);
    frame_end(v);
}
