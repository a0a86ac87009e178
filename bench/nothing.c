/* SPDX-License-Identifier: Apache-2.0 */
/* nothing: the cheapest program there is, linked statically: what is left is the exec.
 * nothing wait: an idle agent, until it is killed. */
#include <unistd.h>

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		pause();
	return 0;
}
