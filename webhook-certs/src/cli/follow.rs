//! `follow`: a serving Secret's certificate as files.

use kube_adapter::{KubeClock, KubeSecretStore};
use rotator_core::{Policy, RecordName};
use webhook_serve::Resolver;

use super::{
    Failure,
    args::FollowArgs,
    health, if_asked, logs,
    run::{connect_to, file_writer, listener},
};
use crate::{any_store::AnyStore, follower::Follower, narrator::watch_clock, server::stop_signal};

pub(super) async fn follow(args: FollowArgs) -> Result<(), Failure> {
    logs::start(args.process.log_format);
    let files = file_writer(Some(&args.write_dir), args.key_mode)?;
    let health = listener(&args.process).await?;
    let api = connect_to(&args.process).await?;
    let record = RecordName::new(&args.serving_secret);
    let store = KubeSecretStore::new(&api, &args.namespace).watching([&record]);
    let resolver = Resolver::for_any_name();
    let mut follower = Follower::new(AnyStore::new(store), record, resolver).writing(files);
    if args.once {
        return follower
            .look()
            .await
            .map_err(|error| Failure::Undone(error.in_full()));
    }
    let ready = vec![follower.has_taken()];
    let answering = if_asked(health.map(|listener| health::serve(listener, ready)));
    let allowance = Policy::standard().durations().clock_allowance;
    tokio::select! {
        () = stop_signal() => tracing::info!("stopping; the files stay"),
        () = follower.run() => {}
        () = watch_clock(KubeClock::new(&api), allowance) => {}
        () = answering => {}
    }
    Ok(())
}
