/* SPDX-License-Identifier: Apache-2.0 */
/* cappy COMMAND ...: finds the command, parses its arguments, runs it, and turns its outcome into
 * an exit status: 0 done, 1 failed, 2 wrong usage. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "train/train.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Makes sure that descriptors 0 to 2 are taken: a file opened in the place of a closed standard
 * error would receive the messages. Those put here fail when they are used. */
static void guard_descriptors(void)
{
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++) {
        if (fcntl(descriptor, F_GETFD) < 0) {
            int flags = descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY;
            (void)!open("/dev/null", flags);
        }
    }
}

static int report(cappy_status status, const char *command, const cappy_error *error)
{
    if (status == CAPPY_OK) {
        return EXIT_DONE;
    }
    if (error->message[0] != '\0') { /* else another process of a team says it */
        fprintf(stderr, "cappy%s%s: %s\n", command != NULL ? " " : "",
                command != NULL ? command : "", error->message);
    }
    return status == CAPPY_ARGUMENT ? EXIT_USAGE : EXIT_FAILED;
}

static cappy_status print_help(const struct cappy_command *command, cappy_error *error)
{
    struct cappy_buffer text;
    cappy_buffer_init(&text, SIZE_MAX / 2);
    cappy_status status = cappy_help_write(command, &text, error);
    if (status == CAPPY_OK) {
        status = cappy_output_print(NULL, &text, error);
    }
    cappy_buffer_free(&text);
    return status;
}

/* Runs `command` on argv[0..argc), which follows its name. */
static int run_command(const struct cappy_command *command, int argc, char **argv)
{
    cappy_error error;
    cappy_status status;
    struct cappy_common *common = cappy_alloc(1, command->arguments_size);
    if (common == NULL) {
        return report(cappy_error_no_memory(&error), command->name, &error);
    }
    status = cappy_options_parse(command, argc, argv, common, &error);
    bool is_parsed = status == CAPPY_OK;
    if (is_parsed) {
        status = common->help ? print_help(command, &error) : command->run(common, &error);
    }
    cappy_free(common);
    int code = report(status, command->name, &error);
    if (!is_parsed) {
        fprintf(stderr, "\"cappy %s --help\" shows the options.\n", command->name);
    }
    cappy_team_leave(); /* last: mpirun ends all processes when one of them has failed */
    return code;
}

int main(int argc, char **argv)
{
    guard_descriptors();
    /* A closed pipe and a limit on the size of files are errors of write(2), and are reported. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (argc < 2) {
        struct cappy_buffer text;
        cappy_buffer_init(&text, SIZE_MAX / 2);
        if (cappy_help_write(NULL, &text, NULL) == CAPPY_OK) {
            fputs(text.data, stderr);
        }
        cappy_buffer_free(&text);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        name = "help";
    } else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        name = "version";
    }
    const struct cappy_command *command;
    cappy_error error;
    cappy_status status = cappy_command_find(name, &command, &error);
    if (status != CAPPY_OK) {
        int code = report(status, NULL, &error);
        fputs("\"cappy help\" lists the commands.\n", stderr);
        return code;
    }
    return run_command(command, argc - 2, argv + 2);
}
