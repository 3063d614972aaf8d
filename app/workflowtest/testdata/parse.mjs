// Reads workflow files by GitHub's own parser, and prints what it finds wrong with them.
import {readFileSync} from 'node:fs';
import {NoOperationTraceWriter, convertWorkflowTemplate, parseWorkflow} from '@actions/workflow-parser';

(async () => {
  const faults = new Set();
  for (const path of process.argv.slice(2)) {
    const {context, value} = parseWorkflow({name: path, content: readFileSync(path, 'utf8')}, new NoOperationTraceWriter());
    if (value) await convertWorkflowTemplate(context, value, undefined, {});
    for (const e of context.errors.getErrors()) faults.add(e.message);
  }
  for (const fault of faults) console.log(fault);
})();
