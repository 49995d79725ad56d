//! The tables, as Diesel checks queries against them. Kept by hand beside the migrations; every test that opens a ledger
//! would fail if the two differed.

diesel::table! {
    leaves (sequence) {
        sequence -> BigInt,
        kind -> Text,
        happened_at -> BigInt,
        recorded_at -> BigInt,
        payload -> Text,
        hash -> Binary,
    }
}

diesel::table! {
    policy_versions (number) {
        number -> BigInt,
        text -> Text,
        sha256 -> Text,
        effective -> BigInt,
        approver -> Text,
        recorded_at -> BigInt,
        leaf -> BigInt,
    }
}

diesel::table! {
    policy_reviews (leaf) {
        leaf -> BigInt,
        reviewer -> Text,
        policy_sha256 -> Text,
        policy_version -> Nullable<BigInt>,
        note -> Nullable<Text>,
        happened_at -> BigInt,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    slots (id) {
        id -> Text,
        asset -> Text,
        dataset -> Text,
        kind -> Text,
        basis -> Text,
        opens -> BigInt,
        closes -> BigInt,
        due -> BigInt,
        policy_version -> BigInt,
        state -> Text,
        run -> Nullable<Text>,
        reason -> Nullable<Text>,
        settled_at -> Nullable<BigInt>,
        recorded_at -> BigInt,
        leaf -> BigInt,
    }
}

diesel::table! {
    runs (id) {
        id -> Text,
        asset -> Text,
        dataset -> Text,
        kind -> Text,
        state -> Text,
        begun_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        outcome -> Nullable<Text>,
        point -> Nullable<Text>,
        token -> BigInt,
        report_sha256 -> Nullable<Text>,
        recorded_at -> BigInt,
        leaf -> BigInt,
        capture_ms -> Nullable<BigInt>,
        copy_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    run_slots (run, slot) {
        run -> Text,
        slot -> Text,
    }
}

diesel::table! {
    reports (run) {
        run -> Text,
        json -> Text,
    }
}

diesel::table! {
    points (id) {
        id -> Text,
        repository -> Text,
        asset -> Text,
        dataset -> Text,
        kind -> Text,
        instant -> BigInt,
        recorded_at -> BigInt,
        leaf -> BigInt,
        is_undated -> Bool,
    }
}

diesel::table! {
    copies (point, location) {
        point -> Text,
        location -> Text,
        has_since -> BigInt,
        confirmed_at -> BigInt,
        removed_at -> Nullable<BigInt>,
        recorded_at -> BigInt,
        leaf -> BigInt,
    }
}

diesel::table! {
    checks (leaf) {
        leaf -> BigInt,
        repository -> Text,
        location -> Text,
        scope -> Text,
        point -> Nullable<Text>,
        run -> Nullable<Text>,
        slice -> Nullable<BigInt>,
        slices -> Nullable<BigInt>,
        bytes_read -> BigInt,
        outcome -> Text,
        detail -> Nullable<Text>,
        findings -> Nullable<Text>,
        happened_at -> BigInt,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    receipts (leaf) {
        leaf -> BigInt,
        purge -> Text,
        phase -> Text,
        repository -> Text,
        location -> Text,
        object_group -> Text,
        objects -> BigInt,
        bytes -> BigInt,
        happened_at -> BigInt,
        recorded_at -> BigInt,
        points -> Nullable<Text>,
    }
}

diesel::table! {
    purges (id) {
        id -> Text,
        kind -> Text,
        by -> Text,
        policy_version -> Nullable<BigInt>,
        client -> Nullable<Text>,
        reason -> Nullable<Text>,
        export_offered -> Nullable<Bool>,
        state -> Text,
        begun_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        waits -> Nullable<Text>,
        token -> BigInt,
        recorded_at -> BigInt,
        leaf -> BigInt,
    }
}

diesel::table! {
    purge_points (purge, repository, point) {
        purge -> Text,
        repository -> Text,
        point -> Text,
        asset -> Nullable<Text>,
        instant -> BigInt,
        reason -> Text,
        leaf -> BigInt,
    }
}

diesel::table! {
    alarms (leaf) {
        leaf -> BigInt,
        kind -> Text,
        subject -> Text,
        message -> Text,
        happened_at -> BigInt,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    observations (leaf) {
        leaf -> BigInt,
        kind -> Text,
        subject -> Text,
        body -> Text,
        happened_at -> BigInt,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    assessments (leaf) {
        leaf -> BigInt,
        instant -> BigInt,
        rules -> BigInt,
        policy_version -> Nullable<BigInt>,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    verdicts (control, target, leaf) {
        leaf -> BigInt,
        control -> Text,
        target -> Text,
        document -> Nullable<Text>,
    }
}

diesel::table! {
    waivers (id) {
        id -> Text,
        asset -> Text,
        dataset -> Nullable<Text>,
        begins -> BigInt,
        expires -> BigInt,
        owner -> Text,
        reason -> Text,
        happened_at -> BigInt,
        recorded_at -> BigInt,
        leaf -> BigInt,
    }
}

diesel::table! {
    holds (id) {
        id -> Text,
        asset -> Text,
        owner -> Text,
        reason -> Text,
        review_on -> Text,
        placed_at -> BigInt,
        released_at -> Nullable<BigInt>,
        released_by -> Nullable<Text>,
        recorded_at -> BigInt,
        leaf -> BigInt,
    }
}

diesel::table! {
    leases (token) {
        token -> BigInt,
        instance -> Text,
        taken_at -> BigInt,
        expires -> BigInt,
        released_at -> Nullable<BigInt>,
        recorded_at -> BigInt,
        leaf -> BigInt,
    }
}

diesel::table! {
    actions (id) {
        id -> Text,
        kind -> Text,
        actor -> Text,
        asset -> Nullable<Text>,
        repository -> Nullable<Text>,
        location -> Nullable<Text>,
        point -> Nullable<Text>,
        paths -> Text,
        target -> Nullable<Text>,
        purpose -> Text,
        break_glass -> Nullable<Text>,
        outcome -> Nullable<Text>,
        detail -> Nullable<Text>,
        token -> BigInt,
        begun_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        reviewed_at -> Nullable<BigInt>,
        reviewed_by -> Nullable<Text>,
        review -> Nullable<Text>,
        recorded_at -> BigInt,
        leaf -> BigInt,
    }
}

diesel::table! {
    private_values (hash) {
        hash -> Text,
        leaf -> BigInt,
        salt -> Binary,
        value -> Text,
    }
}

diesel::table! {
    erasures (hash) {
        hash -> Text,
        leaf -> BigInt,
    }
}

diesel::table! {
    report_erasures (run) {
        run -> Text,
        leaf -> BigInt,
    }
}

diesel::table! {
    checkpoints (sha256) {
        sha256 -> Text,
        size -> BigInt,
        root -> Text,
        note -> Text,
        kept_at -> BigInt,
    }
}

diesel::table! {
    log_restarts (leaf) {
        leaf -> BigInt,
        old_key -> Text,
        by -> Text,
        reason -> Text,
        happened_at -> BigInt,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    anchors (leaf) {
        leaf -> BigInt,
        location -> Text,
        checkpoint -> Text,
        size -> BigInt,
        root -> Text,
        happened_at -> BigInt,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    notices (id) {
        id -> Text,
        topic -> Text,
        team -> Nullable<Text>,
        subject -> Text,
        text -> Text,
        items -> Text,
        said_at -> BigInt,
        recorded_at -> BigInt,
        leaf -> BigInt,
    }
}

diesel::table! {
    deliveries (notice, channel) {
        notice -> Text,
        channel -> Text,
        state -> Text,
        attempts -> BigInt,
        detail -> Nullable<Text>,
        payload_sha256 -> Nullable<Text>,
        tried_at -> Nullable<BigInt>,
        recorded_at -> BigInt,
        leaf -> BigInt,
    }
}

diesel::table! {
    log_points (point) {
        point -> Text,
        base -> Text,
        server -> Nullable<Text>,
        file -> Text,
        position -> BigInt,
        checked_at -> Text,
        recorded_at -> BigInt,
        leaf -> BigInt,
    }
}

diesel::table! {
    log_looks (leaf) {
        leaf -> BigInt,
        point -> Text,
        until -> BigInt,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    restore_tests (id) {
        id -> Text,
        exercise -> Text,
        occasion -> Nullable<Text>,
        opens -> Nullable<BigInt>,
        ends -> Nullable<BigInt>,
        seed -> Text,
        seed_from -> Nullable<Text>,
        sample -> Nullable<BigInt>,
        untested_max_seconds -> Nullable<BigInt>,
        every -> Text,
        by -> Text,
        policy_version -> Nullable<BigInt>,
        targets -> Text,
        left_out -> Text,
        planned_at -> BigInt,
        recorded_at -> BigInt,
        leaf -> BigInt,
    }
}

diesel::table! {
    restore_test_picks (id) {
        id -> Text,
        test -> Text,
        asset -> Text,
        repository -> Text,
        why -> Text,
        point -> Nullable<Text>,
        is_drawn -> Bool,
        state -> Text,
        location -> Nullable<Text>,
        beside -> Text,
        staging -> Nullable<Text>,
        action -> Nullable<Text>,
        destroy_by -> Nullable<BigInt>,
        begun_at -> Nullable<BigInt>,
        begun_recorded_at -> Nullable<BigInt>,
        begun_leaf -> Nullable<BigInt>,
        failed -> Text,
        details -> Nullable<Text>,
        screenshot_sha256 -> Nullable<Text>,
        ended_at -> Nullable<BigInt>,
        ended_recorded_at -> Nullable<BigInt>,
        ended_leaf -> Nullable<BigInt>,
        destroyed_files -> Nullable<BigInt>,
        destroyed_bytes -> Nullable<BigInt>,
        not_destroyed -> Nullable<Text>,
        destroyed_at -> Nullable<BigInt>,
        destroyed_recorded_at -> Nullable<BigInt>,
        destroyed_leaf -> Nullable<BigInt>,
        recorded_at -> BigInt,
        leaf -> BigInt,
    }
}

diesel::table! {
    // Diesel's own account of the migrations that were applied.
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}

diesel::allow_columns_to_appear_in_same_group_by_clause!(verdicts::control, verdicts::target);
diesel::joinable!(deliveries -> notices (notice));
diesel::joinable!(log_points -> points (point));
diesel::allow_tables_to_appear_in_same_query!(log_points, points);
diesel::allow_tables_to_appear_in_same_query!(deliveries, notices);
diesel::allow_tables_to_appear_in_same_query!(slots, runs, run_slots, reports, points, copies);
diesel::allow_tables_to_appear_in_same_query!(assessments, verdicts);
diesel::allow_tables_to_appear_in_same_query!(restore_tests, restore_test_picks);
