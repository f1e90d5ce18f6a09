package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"github.com/goccy/go-yaml"

	"icar/sweep"
)

// kubernetesFlags are what only Kubernetes is asked for.
type kubernetesFlags struct {
	print                bool
	image, secret, claim string
}

// The places of things in a pod.
const (
	secretKey = "address" // of the secret with the database's address
	podFiles  = "/files"  // where the checkpoints are
)

// dnsName is the name of an object of Kubernetes (RFC 1123).
var dnsName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)

func (k kubernetesFlags) check() error {
	switch {
	case !plain.MatchString(k.image):
		return fmt.Errorf("--image %q names no image: build one with icar in its PATH and name it, as in --image registry/icar:1", k.image)
	case !dnsName.MatchString(k.secret):
		return fmt.Errorf("--secret %q is no name of a secret: use lower-case letters, digits, dots and dashes", k.secret)
	case k.claim != "" && !dnsName.MatchString(k.claim):
		return fmt.Errorf("--claim %q is no name of a volume claim: use lower-case letters, digits, dots and dashes", k.claim)
	}
	return nil
}

// kibi writes an amount of memory as sbatch takes it, in MiB without a unit,
// for Kubernetes, whose G is 10⁹.
func kibi(memory string) (string, error) {
	m := regexp.MustCompile(`^([1-9][0-9]*)([KMGT]?)$`).FindStringSubmatch(memory)
	if m == nil {
		return "", fmt.Errorf("--memory %s: use a number of K, M, G or T, as in 1G", memory)
	}
	unit := m[2]
	if unit == "" {
		unit = "M"
	}
	return m[1] + unit + "i", nil
}

// printJob prints an Indexed Job of workers for kubectl. It holds neither the
// address of the database, which the secret has, nor anything of the plan.
func printJob(out io.Writer, a sweep.Address, o submitFlags, id string) error {
	if a.File() != "" {
		return usage(errors.New("pods on many machines cannot share the SQLite file: use Postgres, and put its address into a secret"))
	}
	memory, err := kibi(o.memory)
	if err != nil {
		return usage(err)
	}
	m := func(pairs ...any) (object yaml.MapSlice) {
		for i := 0; i < len(pairs); i += 2 {
			object = append(object, yaml.MapItem{Key: pairs[i], Value: pairs[i+1]})
		}
		return object
	}
	files := m("name", "files", "emptyDir", m())
	if o.kubernetes.claim != "" {
		files = m("name", "files", "persistentVolumeClaim", m("claimName", o.kubernetes.claim))
	}
	amounts := m("cpu", strconv.Itoa(o.cpus), "memory", memory)
	labels := m("app.kubernetes.io/name", "icar", "icar/sweep", id)
	worker := m(
		"name", "worker",
		"image", o.kubernetes.image,
		"command", append([]string{"icar", "sweep", "work", id, "--files", podFiles, "--parallel", strconv.Itoa(o.cpus)}, o.times.args()...),
		"env", []any{m("name", databaseVariable, "valueFrom", m("secretKeyRef", m("name", o.kubernetes.secret, "key", secretKey)))},
		"resources", m("requests", amounts, "limits", amounts),
		"securityContext", m("allowPrivilegeEscalation", false),
		"volumeMounts", []any{m("name", "files", "mountPath", podFiles)},
	)
	job := m(
		"apiVersion", "batch/v1",
		"kind", "Job",
		"metadata", m("name", "icar-"+id, "labels", labels),
		"spec", m(
			"completionMode", "Indexed",
			"completions", o.tasks,
			"parallelism", o.tasks,
			"backoffLimitPerIndex", 10,
			"podFailurePolicy", m("rules", []any{
				// What the cluster takes away it gives back as often as it likes.
				m("action", "Ignore", "onPodConditions", []any{m("type", "DisruptionTarget", "status", "True")}),
				// A worker that has told what is wrong would tell it again. What is
				// not here is tried again: 2, which is Go's for a crash, 75 for a
				// database that was away, and a signal's, as when memory is out.
				m("action", "FailIndex", "onExitCodes", m("containerName", "worker", "operator", "In", "values", []int{exitInput, exitRunFailed})),
			}),
			"template", m(
				"metadata", m("labels", labels),
				"spec", m(
					"restartPolicy", "Never", // a policy for failures asks for it; the Job makes a new pod
					"terminationGracePeriodSeconds", 120, // SIGTERM saves a checkpoint
					"automountServiceAccountToken", false,
					"containers", []any{worker},
					"volumes", []any{files},
				),
			),
		),
	)
	// Every text is in quotes: 123456789012 and 1e3456789012 are names of sweeps.
	quoted := yaml.CustomMarshaler(func(text string) ([]byte, error) { return json.Marshal(text) })
	text, err := yaml.MarshalWithOptions(job, yaml.IndentSequence(true), quoted)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}
