"""The frame around the findings, in Japanese."""

from __future__ import annotations

from typing import Final

__all__ = ["HELP_DESK", "WORDS"]

HELP_DESK: Final = "ヘルプデスクに相談し、レポートを送ってください: pacaware doctor --report report.txt"

WORDS: Final = {
    "ok": "OK",
    "warn": "注意",
    "fail": "失敗",
    "skip": "-",
    "settings": "設定",
    "address": "アドレス",
    "network": "ネットワーク",
    "pac": "PAC ファイル",
    "route": "プロキシの選択",
    "name": "プロキシの名前",
    "port": "プロキシのポート",
    "speaks": "プロキシの応答",
    "clock": "時計",
    "offers": "認証の要求",
    "credentials": "認証情報",
    "accepted": "認証",
    "origin": "接続先",
    "certificate": "証明書",
    "likely": "考えられる原因:",
    "next": "次にすること:",
    "said": "詳細:",
    "looking": "確認中: {step}",
    "all-ok": "すべて正常です。",
    "all-warn": "接続できます。「{mark}」の行を確認してください。",
    "ends": "ここで止まっています: {step}",
    "first": "その前に原因があるかもしれません。先に「{mark}」の行を確認してください。",
    "elsewhere": "同じパソコンのほかのソフトやブラウザーで使えるときは、設定を見比べてください "
    "(pacaware settings --all)。",
    "help-desk": HELP_DESK,
    "report-written": "レポートを {file} に書きました。読めるのはあなただけです。送る前に内容を確認してください。内容:",
    "report-versions": "pacaware、Python、OS のバージョンと時刻",
    "report-steps": "上の確認結果 {count} 件",
    "report-sources": "プロキシの設定がある場所 {count} か所とその内容",
    "report-names": "名前とアドレス {count} 件を置き換えました。対応はここにだけ表示します:",
    "report-never": "パスワード、ユーザー名、ホスト名、ドメイン名、会社名、URL の検索文字列は含みません",
    "cannot-show": "(この画面では日本語を表示できないため、英語で表示します)",
}
