//! `follow`: writes a serving Secret's certificate to files.

use kube_adapter::{KubeClock, KubeSecretStore};
use rotator_core::{Policy, RecordName};
use webhook_serve::Resolver;

use super::{
    Failure,
    args::FollowArgs,
    health::{self, Health},
    if_asked, logs,
    once::Patience,
    run::{connect_to, file_writer, listener},
};
use crate::{any_store::AnyStore, follower::Follower, narrator::watch_clock, server::stop_signal};

pub(super) async fn follow(args: FollowArgs) -> Result<(), Failure> {
    logs::start(args.process.log_format);
    let files = file_writer(Some(&args.write_dir), args.key_mode)?;
    let health = listener(&args.process).await?;
    let api = connect_to(&args.process).await?;
    let record = RecordName::new(&args.serving_secret);
    let watched = [&record].into_iter().filter(|_| !args.once);
    let store = KubeSecretStore::new(&api, &args.namespace).watching(watched);
    let resolver = Resolver::for_any_name();
    let follower = Follower::new(AnyStore::new(store), record, resolver).writing(files);
    if args.once {
        return tokio::select! {
            outcome = once(follower, &args) => outcome,
            () = stop_signal() => Err(Failure::Undone("stopped before the files were written".into())),
        };
    }
    let depends_on = Health {
        ready: vec![follower.has_taken()],
        last_turn: None,
    };
    let answering = if_asked(health.map(|listener| health::serve(listener, depends_on)));
    let allowance = Policy::standard().durations().clock_allowance;
    tokio::select! {
        () = stop_signal() => tracing::info!("stopping; the files stay"),
        () = follower.run() => {}
        () = watch_clock(KubeClock::new(&api), allowance) => {}
        () = answering => {}
    }
    Ok(())
}

/// Writes the files as soon as there is a certificate.
async fn once(mut follower: Follower, args: &FollowArgs) -> Result<(), Failure> {
    let mut patience = Patience::new(args.timeout);
    loop {
        let Err(error) = follower.look().await else {
            return Ok(());
        };
        let secret = format!("Secret {}/{}", args.namespace, args.serving_secret);
        let why = format!("{secret}: {}", error.in_full());
        if !error.may_pass() {
            return Err(Failure::Undone(why));
        }
        patience.wait(&[why]).await?;
    }
}
