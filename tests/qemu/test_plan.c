/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plans as text and as JSON. */
#include "qemu_plan.h"
#include "disk_def.h"
#include "virerror_report.h"

static qemuPlan *
samplePlan(void)
{
    qemuPlan *plan = qemuPlanNew("sample");
    qemuPlanStep *step = NULL;

    step = qemuPlanAddStep(plan, QEMU_STEP_SCRATCH_CREATE, "/s/vda", "sample.scratch.%s", "vda");
    step->size = 1048576;
    step->format = VIR_STORAGE_FORMAT_QCOW2;
    qemuPlanAddQMP(plan, virJSONBuild("{'execute':'stop'}"), NULL, "sample.stop")->batch = true;
    step = qemuPlanAddQMP(plan, virJSONBuild("{'execute':'cont'}"), NULL, "sample.cont");
    step->repair = QEMU_STEP_REPAIR_REDO;
    qemuPlanAddQMP(plan,
                   virJSONBuild("{'execute':'transaction','arguments':{'actions':["
                                "{'type':'a','data':{'n':%d}},{'type':'b'}]}}", 7),
                   virJSONBuild("{'execute':'undo-it'}"), "sample.transaction");
    qemuPlanAddQMP(plan, NULL, virJSONBuild("{'execute':'only-undo'}"), "sample.undo");
    step = qemuPlanAddStep(plan, QEMU_STEP_WAIT_CLIENTS, NULL, "sample.clients");
    step->size = 10809;
    step->goOn = true;
    qemuPlanAddStep(plan, QEMU_STEP_UNLINK, "/s/vda", "sample.unlink");
    return plan;
}

static const char sampleText[] =
    "plan sample\n"
    "1 scratch-create sample.scratch.vda\n"
    "    path: /s/vda\n"
    "    format: qcow2, 1048576 bytes\n"
    "2 qmp sample.stop [batch]\n"
    "    {\"execute\":\"stop\"}\n"
    "3 qmp sample.cont [redo]\n"
    "    {\"execute\":\"cont\"}\n"
    "4 qmp sample.transaction\n"
    "    transaction\n"
    "      {\"type\":\"a\",\"data\":{\"n\":7}}\n"
    "      {\"type\":\"b\"}\n"
    "    undo: {\"execute\":\"undo-it\"}\n"
    "5 qmp sample.undo\n"
    "    undo: {\"execute\":\"only-undo\"}\n"
    "6 wait-clients sample.clients [go on]\n"
    "    port: 10809\n"
    "7 unlink sample.unlink\n"
    "    path: /s/vda\n";

static void
testFormat(void)
{
    g_autoptr(qemuPlan) plan = samplePlan();
    g_autofree char *text = qemuPlanFormat(plan);

    g_assert_cmpstr(text, ==, sampleText);
}

static void
testJournal(void)
{
    g_autoptr(qemuPlan) plan = samplePlan();
    g_autoptr(virJSONValue) json = qemuPlanToJSON(plan);
    g_autofree char *bytes = virJSONFormat(json, false);
    g_autoptr(virJSONValue) parsed = virJSONParse(bytes, -1);
    g_autoptr(qemuPlan) again = qemuPlanFromJSON(parsed);
    g_autofree char *text = NULL;

    g_assert_nonnull(again);
    text = qemuPlanFormat(again);
    g_assert_cmpstr(text, ==, sampleText);
}

static void
testMalformed(void)
{
    static const char *const texts[] = {
        "{}",
        "{\"name\":\"p\"}",
        "{\"steps\":[]}",
        "{\"name\":\"p\",\"steps\":[{}]}",
        "{\"name\":\"p\",\"steps\":[7]}",
        "{\"name\":\"p\",\"steps\":[{\"name\":\"s\",\"kind\":\"qmpp\"}]}",
        "{\"name\":\"p\",\"steps\":[{\"name\":\"s\",\"kind\":\"unlink\",\"format\":\"qcow9\"}]}",
        "{\"name\":\"p\",\"steps\":[{\"name\":\"s\",\"kind\":\"unlink\"}]}",
        "{\"name\":\"p\",\"steps\":[{\"name\":\"s\",\"kind\":\"qmp\"}]}",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(virJSONValue) json = virJSONParse(texts[i], -1);
        g_autoptr(qemuPlan) plan = NULL;

        g_assert_nonnull(json);
        virErrorReset();
        plan = qemuPlanFromJSON(json);
        g_assert_null(plan);
        g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_INTERNAL_ERROR);
    }
}

static void
testKinds(void)
{
    for (int kind = 0; kind < QEMU_STEP_LAST; kind++)
        g_assert_nonnull(qemuPlanStepKindToString(kind));
    g_assert_null(qemuPlanStepKindToString(QEMU_STEP_LAST));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/format", testFormat);
    g_test_add_func("/plan/journal", testJournal);
    g_test_add_func("/plan/malformed", testMalformed);
    g_test_add_func("/plan/kinds", testKinds);
    return g_test_run();
}
