// The engine's Kotlin package: plain Kotlin, the same for phones and computers. The library itself comes with the app.
plugins {
    alias(libs.plugins.kotlin.jvm)
}

kotlin {
    compilerOptions { jvmTarget = org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_17 }
}

java {
    sourceCompatibility = JavaVersion.VERSION_17
    targetCompatibility = JavaVersion.VERSION_17
}

// The tests need a server: `cargo xtask test --only kotlin` runs them.
sourceSets["test"].kotlin.setSrcDirs(emptyList<String>())

dependencies {
    api(libs.coroutines.core)
    // On a phone the app brings JNA's package for Android; the classes are the same.
    compileOnly(libs.jna)
}
