package chat.dunnock.platform

import android.app.job.JobInfo
import android.app.job.JobParameters
import android.app.job.JobScheduler
import android.app.job.JobService
import android.content.ComponentName
import android.content.Context
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch

/** What the app hands to the job: fetches what waits on the servers within so many milliseconds, and tells of it. */
interface Fetcher {
    /** True if all was fetched; false if the job is to come again. */
    suspend fun fetch(deadline: Long): Boolean
}

/**
 * Fetches in the background: at times that the system chooses, and at once after a push. The system gives a job ten
 * minutes; this one takes much less and says so.
 */
abstract class SyncJob : JobService() {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private var running: Job? = null

    /** Who fetches. */
    abstract fun fetcher(): Fetcher

    override fun onStartJob(parameters: JobParameters): Boolean {
        running = scope.launch {
            val whole = fetcher().fetch(DEADLINE)
            jobFinished(parameters, !whole)
        }
        return true
    }

    /** The system wants its time back. What was fetched so far is on the disk; the rest comes with the next run. */
    override fun onStopJob(parameters: JobParameters): Boolean {
        running?.cancel()
        return true
    }

    override fun onDestroy() {
        scope.cancel()
        super.onDestroy()
    }

    companion object {
        private const val DEADLINE = 25_000L
        private const val QUARTER = 15 * 60 * 1000L
        private const val REGULAR = 1
        private const val PUSHED = 2

        /** Fetches every quarter of an hour from now on, also after a restart of the phone. */
        fun regularly(context: Context, job: Class<out SyncJob>) {
            val info = info(context, job, REGULAR).setPeriodic(QUARTER).setPersisted(true).build()
            scheduler(context).schedule(info)
        }

        /** Fetches as soon as there is a network: a push came. */
        fun now(context: Context, job: Class<out SyncJob>) {
            scheduler(context).schedule(info(context, job, PUSHED).setOverrideDeadline(0).build())
        }

        private fun info(context: Context, job: Class<out SyncJob>, id: Int) =
            JobInfo.Builder(id, ComponentName(context, job)).setRequiredNetworkType(JobInfo.NETWORK_TYPE_ANY)

        private fun scheduler(context: Context) =
            checkNotNull(context.getSystemService(JobScheduler::class.java)) { "every phone has one" }
    }
}
