/* bench_explain FILE.tsv [SECONDS]: how many replies lib/catalogue explains in a second of one
 * core.
 *
 * The first column of FILE is explained over and over, in English, in one thread, as `candor
 * explain --each-line` does without its start, its JSON and its pipe. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/slice.h"
#include "lib/catalogue/lookup.h"

enum { LINES_MAX = 4096, LINE_MAX_BYTES = 8192, ROUNDS_BETWEEN_CLOCKS = 8 };

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The replies of the file, "\n" in two characters made a line end. */
static size_t replies_read(FILE *file, struct arena *a, slice *replies)
{
    static char line[LINE_MAX_BYTES];
    size_t count = 0;
    while (count < LINES_MAX && fgets(line, sizeof line, file) != NULL) {
        slice text = slice_cstr(line);
        size_t n = 0;
        text = slice_head(text, slice_find(text, '\t'));
        for (size_t i = 0; i < text.n; i++) {
            bool is_end = text.p[i] == '\\' && i + 1 < text.n && text.p[i + 1] == 'n';
            line[n++] = is_end ? '\n' : text.p[i];
            i += is_end;
        }
        if (arena_copy(a, slice_of(line, n), &replies[count]))
            count++;
    }
    return count;
}

/* One round; false when an explanation fails. */
static bool explain_all(struct arena *a, struct phrasebook *book, const slice *replies, size_t n)
{
    struct explanation e;
    for (size_t i = 0; i < n; i++) {
        arena_reset(a);
        if (!explain(a, book, language_english(), replies[i], &e))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    static slice replies[LINES_MAX];
    struct arena texts, scratch;
    FILE *file = argc > 1 ? fopen(argv[1], "r") : NULL;
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 2;
    if (file == NULL) {
        fprintf(stderr, "usage: bench_explain FILE.tsv [SECONDS]\n");
        return 2;
    }
    arena_init(&texts, 1 << 24);
    arena_init(&scratch, 1 << 20);
    size_t n = replies_read(file, &texts, replies);
    fclose(file);
    struct phrasebook *book = phrasebook_new();
    bool is_ok = book != NULL && n > 1 && explain_all(&scratch, book, replies + 1, n - 1);
    double begin = cpu_seconds(), end = begin;
    size_t rounds = 0;
    while (is_ok && end - begin < seconds) {
        for (int i = 0; i < ROUNDS_BETWEEN_CLOCKS && is_ok; i++, rounds++)
            is_ok = explain_all(&scratch, book, replies + 1, n - 1);
        end = cpu_seconds();
    }
    if (is_ok)
        printf("explain: %.0f replies/s of one core (%zu replies, %zu rounds)\n",
               (double)((n - 1) * rounds) / (end - begin), n - 1, rounds);
    phrasebook_free(book);
    arena_release(&scratch);
    arena_release(&texts);
    return is_ok ? 0 : 1;
}
