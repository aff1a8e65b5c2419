/* The few kernel settings that protection needs, with what they were before, so that off puts them
 * back, also after a crash: the old values wait in a file of the run folder, which a reboot empties
 * as it resets the settings. A setting that somebody else changed meanwhile stays as it is. */
#ifndef SUPERVISOR_SYSCTLS_H
#define SUPERVISOR_SYSCTLS_H

/* `memory`: path of that file. 0 or < 0; a setting that this kernel does not have is left out. */
int sysctls_set(const char *memory);
/* Idempotent: 0 also when nothing was set. */
int sysctls_restore(const char *memory);
/* Those of the TUN alone; they go with it. */
void sysctls_set_device(const char *device);

#endif
