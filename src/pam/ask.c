#include "src/pam/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { RESULT_FD = 3 };

/* What modules ask: a password is the password, whatever else is the name. */
static int converse(int n, const struct pam_message **messages, struct pam_response **ret,
                    void *context)
{
    const struct ask *a = context;
    if (n <= 0 || n > PAM_MAX_NUM_MSG)
        return PAM_CONV_ERR;
    struct pam_response *v = calloc((size_t)n, sizeof *v); /* the module frees it */
    if (v == NULL)
        return PAM_BUF_ERR;
    for (int i = 0; i < n; i++) {
        int style = messages[i]->msg_style;
        if (style == PAM_PROMPT_ECHO_OFF)
            v[i].resp = strdup(a->secret);
        else if (style == PAM_PROMPT_ECHO_ON)
            v[i].resp = strdup(a->user);
        /* What it says to people is heard by nobody. */
    }
    *ret = v;
    return PAM_SUCCESS;
}

/* How long one waits after a wrong password is directory's to say. */
static void no_delay(int status, unsigned usec, void *context)
{
    (void)status;
    (void)usec;
    (void)context;
}

static enum sasl_answer_code of_authenticate(int status)
{
    switch (status) {
    case PAM_SUCCESS:
        return SASL_ANSWER_YES;
    case PAM_AUTH_ERR:
    case PAM_USER_UNKNOWN:
    case PAM_MAXTRIES:
    case PAM_PERM_DENIED:
    case PAM_CRED_INSUFFICIENT:
        return SASL_ANSWER_NO;
    case PAM_ACCT_EXPIRED:
    case PAM_CRED_EXPIRED:
    case PAM_NEW_AUTHTOK_REQD:
        return SASL_ANSWER_DISABLED;
    default: /* its file, its modules, or whoever they ask */
        return SASL_ANSWER_FAILED;
    }
}

static enum sasl_answer_code of_account(int status)
{
    switch (status) {
    case PAM_SUCCESS:
        return SASL_ANSWER_YES;
    case PAM_ACCT_EXPIRED:
    case PAM_AUTH_ERR:
    case PAM_CRED_EXPIRED:
    case PAM_NEW_AUTHTOK_REQD:
    case PAM_PERM_DENIED:
    case PAM_USER_UNKNOWN:
        return SASL_ANSWER_DISABLED;
    default:
        return SASL_ANSWER_FAILED;
    }
}

static int begin(const struct ask *a, const struct pam_conv *conv, pam_handle_t **ret)
{
    return a->directory != NULL ? pam_start_confdir(a->service, a->user, conv, a->directory, ret)
                                : pam_start(a->service, a->user, conv, ret);
}

static enum sasl_answer_code ask(const struct ask *a)
{
    const struct pam_conv conv = {.conv = converse, .appdata_ptr = (void *)(uintptr_t)a};
    void (*delay)(int, unsigned, void *) = no_delay;
    pam_handle_t *pam = NULL;
    enum sasl_answer_code code = SASL_ANSWER_FAILED;
    int status = begin(a, &conv, &pam);
    if (status != PAM_SUCCESS)
        return code;
    status = pam_set_item(pam, PAM_TTY, "candor");
    if (status == PAM_SUCCESS && a->address != NULL)
        status = pam_set_item(pam, PAM_RHOST, a->address);
    if (status == PAM_SUCCESS)
        status = pam_set_item(pam, PAM_FAIL_DELAY, (const void *)(uintptr_t)delay);
    if (status == PAM_SUCCESS) {
        status = pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
        code = of_authenticate(status);
    }
    if (code == SASL_ANSWER_YES) {
        status = pam_acct_mgmt(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
        code = of_account(status);
    }
    (void)pam_end(pam, status);
    return code;
}

/* Nothing of the role's is left to the modules but the way to say one byte. */
static bool leave_the_role(const struct ask *a, int fd)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGUSR1, SIGPIPE};
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    alarm(a->seconds);
    int null = open("/dev/null", O_RDWR);
    for (int i = 0; null >= 0 && i < 3; i++)
        if (dup2(null, i) != i)
            return false;
    return null >= 0 && dup2(fd, RESULT_FD) == RESULT_FD &&
           fcntl(RESULT_FD, F_SETFD, FD_CLOEXEC) == 0 && close_range(RESULT_FD + 1, ~0U, 0) == 0;
}

__attribute__((noreturn)) static void run(const struct ask *a, int fd)
{
    unsigned char code = SASL_ANSWER_FAILED;
    if (leave_the_role(a, fd)) {
        code = (unsigned char)ask(a);
        if (write(RESULT_FD, &code, 1) != 1)
            _exit(1);
    }
    _exit(0);
}

int ask_start(const struct ask *a, int *ret_fd)
{
    int fds[2];
    sigset_t all, before;
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
        return -errno;
    /* No handler of the role's may run in the child. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        run(a, fds[1]);
    int err = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    (void)close(fds[1]);
    if (pid < 0) {
        (void)close(fds[0]);
        return -err;
    }
    *ret_fd = fds[0];
    return pid;
}
