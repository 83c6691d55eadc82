package chat.dunnock.app

/** Stands for the class that Gradle makes of the resources, where there is no Gradle. Not part of the app. */
object R {
    /** Pictures. */
    object drawable {
        /** The bird. */
        const val bird = 1
    }
}
