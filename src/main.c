/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing but main(), so that tests can link all the rest. */
#include "base/mem.h"
#include "cli/cli.h"

int main(int argc, char **argv)
{
	mem_begin();
	return cli_main(argc, argv);
}
