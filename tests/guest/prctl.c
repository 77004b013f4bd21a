/* What a thread says of itself with prctl, beside rights, names and core files. */
#include <errno.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "test.h"

static void *policy_of_a_thread(void *)
{
	return (void *)(long)prctl(PR_MCE_KILL_GET, 0, 0, 0, 0);
}

static void exit_with_policy(void *)
{
	_exit(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
}

static int set_policy(unsigned long policy)
{
	return prctl(PR_MCE_KILL, PR_MCE_KILL_SET, policy, 0, 0);
}

TEST(memory_failure_policy)
{
	pthread_t thread;
	void *policy;

	CHECK_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_DEFAULT);
	CHECK_EQ(set_policy(PR_MCE_KILL_EARLY), 0);
	CHECK_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_EARLY);
	CHECK_EQ(test_child(exit_with_policy, NULL), PR_MCE_KILL_EARLY << 8);
	CHECK_EQ(pthread_create(&thread, NULL, policy_of_a_thread, NULL), 0);
	CHECK_EQ(pthread_join(thread, &policy), 0);
	CHECK_EQ((long)policy, PR_MCE_KILL_EARLY);
	CHECK_EQ(set_policy(PR_MCE_KILL_LATE), 0);
	CHECK_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_LATE);
	CHECK_EQ(set_policy(PR_MCE_KILL_DEFAULT), 0);
	CHECK_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_DEFAULT);
	CHECK_EQ(set_policy(PR_MCE_KILL_EARLY), 0);
	CHECK_EQ(prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_DEFAULT);
	CHECK_ERR(set_policy(0xff), EINVAL);
	CHECK_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_EARLY);
}

TEST(memory_failure_policy_refuses)
{
	CHECK_ERR(prctl(PR_MCE_KILL, 2, 0, 0, 0), EINVAL);
	CHECK_ERR(prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 1, 0, 0), EINVAL);
	CHECK_ERR(prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 1, 0), EINVAL);
	CHECK_ERR(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE, 0, 1), EINVAL);
	CHECK_ERR(prctl(PR_MCE_KILL_GET, 1, 0, 0, 0), EINVAL);
	CHECK_ERR(prctl(PR_MCE_KILL_GET, 0, 0, 0, 1), EINVAL);
	CHECK_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_DEFAULT);
}
