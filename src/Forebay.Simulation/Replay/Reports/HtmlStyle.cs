namespace Forebay.Simulation.Replay.Reports;

/// <summary>The look of the HTML report: no font or image from elsewhere, light and dark, one column on a
/// phone.</summary>
internal static class HtmlStyle
{
    public const string Css = """
        :root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1a1f27;--soft:#5c6675;--line:#dfe3e9;
        --c0:#1f6feb;--c1:#d9480f;--c2:#2b8a3e;--c3:#862e9c;--ok:#2b8a3e;--bad:#c92a2a;--warn:#e67700}
        @media(prefers-color-scheme:dark){:root{--bg:#12151a;--card:#1b2027;--ink:#e6eaf0;--soft:#98a3b3;--line:#2c333d;
        --c0:#5b9dff;--c1:#ff9a5c;--c2:#69db7c;--c3:#da9bf0;--ok:#69db7c;--bad:#ff8787;--warn:#ffc078}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--bg);color:var(--ink);
        font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
        main{max-width:1240px;margin:0 auto;padding:24px 16px 48px}
        h1{font-size:1.6rem;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
        h2{font-size:1.05rem;margin:32px 0 10px}
        .sub{color:var(--soft);margin:0 0 14px;overflow-wrap:anywhere}
        .badges{display:flex;flex-wrap:wrap;gap:8px;margin:0 0 18px;padding:0;list-style:none}
        .badges li{border:1px solid currentColor;border-radius:999px;padding:2px 12px;font-weight:600;font-size:.86rem}
        .good{color:var(--ok)}.bad{color:var(--bad)}.note{color:var(--warn)}
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px}
        .tile,.chart,.facts,.table{background:var(--card);border:1px solid var(--line);border-radius:10px}
        .tile{padding:10px 14px}
        .tile b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums}
        .tile span{color:var(--soft);font-size:.82rem}
        .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:12px}
        .chart{margin:0;padding:12px 14px}
        .chart figcaption{font-weight:600;font-size:.95rem}
        .chart figcaption span{font-weight:400;color:var(--soft);font-size:.82rem;margin-left:8px}
        .chart svg{display:block;width:100%;height:auto}
        .chart path{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
        .chart .grid{stroke:var(--line);stroke-width:1}
        .chart text{fill:var(--soft);font-size:12px;font-variant-numeric:tabular-nums}
        .chart .x{text-anchor:middle}.chart .y{text-anchor:end;dominant-baseline:middle}.chart .unit{text-anchor:end}
        .s0{stroke:var(--c0)}.s1{stroke:var(--c1)}.s2{stroke:var(--c2)}.s3{stroke:var(--c3)}
        .k0{background:var(--c0)}.k1{background:var(--c1)}.k2{background:var(--c2)}.k3{background:var(--c3)}
        .legend{display:flex;flex-wrap:wrap;gap:4px 16px;margin:4px 0 0;padding:0;list-style:none;font-size:.82rem;
        color:var(--soft)}
        .legend i{display:inline-block;width:14px;height:3px;border-radius:2px;margin-right:6px;vertical-align:middle}
        .none{color:var(--soft)}
        .facts{margin:0;padding:12px 14px 12px 32px}
        .facts li{overflow-wrap:anywhere}
        .table{overflow-x:auto}
        table{border-collapse:collapse;width:100%;font-size:.86rem;font-variant-numeric:tabular-nums}
        th,td{padding:6px 12px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
        tr:last-child td{border-bottom:0}
        th{color:var(--soft);font-weight:600}
        th:first-child,td:first-child,.prose{text-align:left}
        td.prose{white-space:normal;min-width:260px;overflow-wrap:anywhere}
        footer{color:var(--soft);font-size:.82rem;margin-top:28px}
        @media print{body{background:#fff}.chart,.tile,.table{break-inside:avoid}}
        """;
}
