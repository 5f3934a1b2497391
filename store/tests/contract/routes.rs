//! Fixed places for outgoing mail, and the passwords of smart hosts.

use std::time::Duration;

use mail::Secret;
use store::{NewRoute, OutboxKind, RouteMechanism, RouteSignIn, RouteTls};

use crate::house::{House, NOW, read, stories, write};

fn smart(domain: &str, secret: &str) -> NewRoute {
    NewRoute {
        domain: domain.into(),
        target: "relay.vn:587".into(),
        tls: RouteTls::Starttls,
        sign_in: Some(RouteSignIn {
            mechanism: RouteMechanism::Login,
            login: "congvan".into(),
            secret: Secret::new(secret.into()),
        }),
    }
}

async fn pause(house: &House, destination: &'static str) {
    let until = NOW.plus(Duration::from_secs(60));
    write!(house, |tx| tx.pause_outbox(OutboxKind::Mail, destination, until, "4.4.1").await?).unwrap();
}

stories! {
    async fn a_smart_host_is_told_its_password_and_nobody_else_is(house: House) {
        house.store.set_route(smart("*", "Mật khẩu"), "cli", NOW).await.unwrap();
        let hop = read!(house, |tx| tx.next_hop("b.vn").await?).unwrap();
        let sign_in = hop.set.sign_in.unwrap();
        assert_eq!((hop.set.domain.as_str(), hop.set.target.as_str(), hop.set.tls), ("*", "relay.vn:587", RouteTls::Starttls));
        assert_eq!((sign_in.login.as_str(), sign_in.mechanism), ("congvan", RouteMechanism::Login));
        assert_eq!(sign_in.secret.expose_secret(), "Mật khẩu");
        assert!(!format!("{sign_in:?}").contains("khẩu"));
        // A plain route in its place asks nothing, and the password is gone with the target it was for.
        write!(house, |tx| tx.put_route("*", "other.vn:25").await?).unwrap();
        let hop = read!(house, |tx| tx.next_hop("b.vn").await?).unwrap();
        assert!(hop.set.sign_in.is_none() && hop.set.tls == RouteTls::Policy);
        // A domain's own route comes first, and goes.
        house.store.set_route(smart("b.vn", "x"), "cli", NOW).await.unwrap();
        assert_eq!(read!(house, |tx| tx.next_hop("b.vn").await?).unwrap().set.domain, "b.vn");
        assert_eq!(read!(house, |tx| tx.routes().await?).len(), 2);
        assert!(write!(house, |tx| tx.remove_route("b.vn", "cli", NOW).await?).unwrap());
        assert!(!write!(house, |tx| tx.remove_route("b.vn", "cli", NOW).await?).unwrap());
        assert_eq!(read!(house, |tx| tx.next_hop("b.vn").await?).unwrap().set.domain, "*");
    }

    async fn a_refused_sign_in_is_kept_until_it_goes_well_or_is_set_anew(house: House) {
        house.store.set_route(smart("*", "x"), "cli", NOW).await.unwrap();
        let refused = async || read!(house, |tx| tx.next_hop("b.vn").await?).unwrap();
        write!(house, |tx| tx.note_route("*", Some((NOW, "535 5.7.8 no"))).await?).unwrap();
        let hop = refused().await;
        assert_eq!((hop.refused_at, hop.refused.as_str()), (Some(NOW), "535 5.7.8 no"));
        write!(house, |tx| tx.note_route("*", None).await?).unwrap();
        assert_eq!(refused().await.refused_at, None);
        write!(house, |tx| tx.note_route("*", Some((NOW, "535"))).await?).unwrap();
        house.store.set_route(smart("*", "y"), "cli", NOW).await.unwrap();
        assert_eq!(refused().await.refused_at, None);
    }

    async fn a_new_way_ends_the_pause_of_the_old_one(house: House) {
        let is_paused = async |name: &'static str| {
            read!(house, |tx| tx.outbox_pause(OutboxKind::Mail, name).await?).is_some()
        };
        for name in ["a.vn", "b.vn"] {
            pause(&house, name).await;
        }
        write!(house, |tx| tx.put_route("a.vn", "relay.vn:25").await?).unwrap();
        assert!(!is_paused("a.vn").await && is_paused("b.vn").await);
        house.store.set_route(smart("*", "x"), "cli", NOW).await.unwrap();
        assert!(!is_paused("b.vn").await);
        pause(&house, "b.vn").await;
        write!(house, |tx| tx.remove_route("*", "cli", NOW).await?).unwrap();
        assert!(!is_paused("b.vn").await);
    }
}
