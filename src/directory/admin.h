/* admin: what the administrator asks for, and what follows of it for those who are signed in. */
#ifndef CANDOR_SRC_DIRECTORY_ADMIN_H
#define CANDOR_SRC_DIRECTORY_ADMIN_H

#include "src/directory/directory.h"

void admin_carry_out(struct directory *d, struct rpc *control, const struct ipc_message *m);

#endif
