/* Runs a fuzz target over files and folders of files, so that corpora are tried by every compiler.
 * Each input lies in memory of exactly its size: sanitizers see the first byte read behind it. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "fuzz/fuzz.h"

static bool run_file(const char *path)
{
    bool ok = false;
    uint8_t *bytes = NULL;
    FILE *f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0)
        goto out;
    long size = ftell(f);
    if (size < 0 || fseek(f, 0, SEEK_SET) != 0)
        goto out;
    size_t n = (size_t)size;
    bytes = malloc(n > 0 ? n : 1);
    if (bytes == NULL || fread(bytes, 1, n, f) != n)
        goto out;
    LLVMFuzzerTestOneInput(bytes, n);
    ok = true;
out:
    if (!ok)
        fprintf(stderr, "%s: cannot be read\n", path);
    free(bytes);
    if (f != NULL)
        fclose(f);
    return ok;
}

/* Names that begin with a dot are left out. */
static bool run_folder(DIR *dir, const char *path, unsigned *count)
{
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        char name[4096];
        if (e->d_name[0] == '.')
            continue;
        if (snprintf(name, sizeof name, "%s/%s", path, e->d_name) >= (int)sizeof name ||
            !run_file(name))
            return false;
        ++*count;
    }
    return true;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    bool ok = true;
    for (int i = 1; i < argc && ok; i++) {
        DIR *dir = opendir(argv[i]);
        if (dir != NULL) {
            ok = run_folder(dir, argv[i], &count);
            closedir(dir);
        } else {
            ok = run_file(argv[i]);
            count++;
        }
    }
    printf("%u inputs\n", count);
    return ok && count > 0 ? 0 : 1;
}
